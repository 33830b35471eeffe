#pragma once
// What the programs of tests/device share: device memory that is poisoned first, float64 references, a tally. No Qt: a
// GPU machine has none. A program prints a line a case and ends with "N passed, N failed"; exit status 1 when one
// failed.

#include "kernels/types.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace argus::device_check {

using kernels::Format;

inline void must(int status, const char* what)
{
    if (status == 0)
        return;
    std::fprintf(stderr, "%s: %s\n", what, cudaGetErrorString(static_cast<cudaError_t>(status)));
    std::exit(1);
}

inline const char* nameOf(Format format)
{
    return format == Format::F32 ? "float32" : format == Format::F16 ? "float16" : "bfloat16";
}
/// Distance from 1 to the next number of the type.
inline double epsilonOf(Format format)
{
    return format == Format::F32 ? 0x1p-23 : format == Format::F16 ? 0x1p-10 : 0x1p-7;
}

/// Bytes on the device with guard bytes on either side; poisoned with 0xFF (NaN in every float type, -1 in int32).
class DeviceBytes {
public:
    explicit DeviceBytes(std::size_t bytes) : m_bytes(bytes)
    {
        must(cudaMalloc(&m_memory, bytes + 2 * kGuard), "cudaMalloc");
        must(cudaMemset(m_memory, 0xFF, bytes + 2 * kGuard), "cudaMemset");
    }
    DeviceBytes(DeviceBytes&& other) noexcept : m_memory(other.m_memory), m_bytes(other.m_bytes)
    {
        other.m_memory = nullptr;
    }
    DeviceBytes(const DeviceBytes&) = delete;
    DeviceBytes& operator=(const DeviceBytes&) = delete;
    DeviceBytes& operator=(DeviceBytes&&) = delete;
    ~DeviceBytes() { cudaFree(m_memory); }
    [[nodiscard]] void* get() const { return static_cast<char*>(m_memory) + kGuard; }
    template <typename T>
    [[nodiscard]] T* as() const
    {
        return static_cast<T*>(get());
    }
    [[nodiscard]] std::size_t bytes() const { return m_bytes; }
    void zero() { must(cudaMemset(get(), 0, m_bytes), "cudaMemset"); }
    /// Whether nothing was written before or behind.
    [[nodiscard]] bool guardsIntact() const
    {
        std::vector<unsigned char> guard(kGuard);
        for (const char* at : {static_cast<const char*>(m_memory), static_cast<const char*>(get()) + m_bytes}) {
            must(cudaMemcpy(guard.data(), at, kGuard, cudaMemcpyDeviceToHost), "cudaMemcpy");
            for (const unsigned char byte : guard)
                if (byte != 0xFF)
                    return false;
        }
        return true;
    }

private:
    static constexpr std::size_t kGuard = 1024;
    void* m_memory = nullptr;
    std::size_t m_bytes = 0;
};

/// The value that the type holds for x.
inline double rounded(double x, Format format)
{
    if (format == Format::F16)
        return static_cast<double>(__half2float(__float2half_rn(static_cast<float>(x))));
    if (format == Format::BF16)
        return static_cast<double>(__bfloat162float(__float2bfloat16_rn(static_cast<float>(x))));
    return static_cast<double>(static_cast<float>(x));
}

/// To the device in the type; values are rounded on the way.
inline DeviceBytes upload(const std::vector<double>& values, Format format)
{
    std::vector<unsigned char> raw(values.size() * static_cast<std::size_t>(kernels::bytesOf(format)));
    for (std::size_t i = 0; i < values.size(); ++i) {
        const auto value = static_cast<float>(values[i]);
        if (format == Format::F32) {
            std::memcpy(raw.data() + 4 * i, &value, 4);
        } else if (format == Format::F16) {
            const __half half = __float2half_rn(value);
            std::memcpy(raw.data() + 2 * i, &half, 2);
        } else {
            const __nv_bfloat16 half = __float2bfloat16_rn(value);
            std::memcpy(raw.data() + 2 * i, &half, 2);
        }
    }
    DeviceBytes device(raw.size());
    if (!raw.empty())
        must(cudaMemcpy(device.get(), raw.data(), raw.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    return device;
}
template <typename T>
DeviceBytes uploadPlain(const std::vector<T>& values)
{
    DeviceBytes device(values.size() * sizeof(T));
    if (!values.empty())
        must(cudaMemcpy(device.get(), values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice), "cudaMemcpy");
    return device;
}
/// All elements of the buffer, widened. Waits for the device.
inline std::vector<double> download(const DeviceBytes& device, Format format)
{
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    std::vector<unsigned char> raw(device.bytes());
    must(cudaMemcpy(raw.data(), device.get(), raw.size(), cudaMemcpyDeviceToHost), "cudaMemcpy");
    std::vector<double> values(raw.size() / static_cast<std::size_t>(kernels::bytesOf(format)));
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (format == Format::F32) {
            float value = 0;
            std::memcpy(&value, raw.data() + 4 * i, 4);
            values[i] = static_cast<double>(value);
        } else if (format == Format::F16) {
            __half value;
            std::memcpy(&value, raw.data() + 2 * i, 2);
            values[i] = static_cast<double>(__half2float(value));
        } else {
            __nv_bfloat16 value;
            std::memcpy(&value, raw.data() + 2 * i, 2);
            values[i] = static_cast<double>(__bfloat162float(value));
        }
    }
    return values;
}
template <typename T>
std::vector<T> downloadPlain(const DeviceBytes& device)
{
    must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
    std::vector<T> values(device.bytes() / sizeof(T));
    must(cudaMemcpy(values.data(), device.get(), values.size() * sizeof(T), cudaMemcpyDeviceToHost), "cudaMemcpy");
    return values;
}

/// Normal numbers already rounded to the type, so that a reference sees what the device sees.
inline std::vector<double> randomValues(std::size_t count, std::mt19937_64& random, Format format, double deviation = 1)
{
    std::normal_distribution<double> normal(0, deviation);
    std::vector<double> values(count);
    for (double& value : values)
        value = rounded(normal(random), format);
    return values;
}

/// ‖got − expected‖ / ‖expected‖; infinite for another size or a NaN.
inline double relativeError(const std::vector<double>& got, const std::vector<double>& expected)
{
    if (got.size() != expected.size())
        return std::numeric_limits<double>::infinity();
    double difference = 0;
    double norm = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        difference += (got[i] - expected[i]) * (got[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    const double relative = std::sqrt(difference) / std::max(std::sqrt(norm), 1e-30);
    return std::isnan(relative) ? std::numeric_limits<double>::infinity() : relative;
}
/// Largest |got − expected| / (|expected| + floor); infinite for another size or a NaN. `worst` names the element.
inline double largestError(const std::vector<double>& got, const std::vector<double>& expected, double floor,
                           std::size_t* worst = nullptr)
{
    if (got.size() != expected.size())
        return std::numeric_limits<double>::infinity();
    double largest = 0;
    for (std::size_t i = 0; i < got.size(); ++i) {
        const double error = std::abs(got[i] - expected[i]) / (std::abs(expected[i]) + floor);
        if (!(error <= largest)) {
            largest = std::isnan(error) ? std::numeric_limits<double>::infinity() : error;
            if (worst != nullptr)
                *worst = i;
        }
    }
    return largest;
}

/// The command line of every program here: [--seed N] [--bench] [--quick] [--only GROUP].
struct Options {
    std::uint64_t seed = 20250711; ///< of the random inputs
    bool bench = false;            ///< measure instead of check
    bool quick = false;            ///< small shapes alone
    std::string only = {};         ///< one group of checks; empty: all

    [[nodiscard]] bool wants(const char* group) const { return only.empty() || only == group; }
};
inline Options readOptions(int count, char** arguments)
{
    Options options;
    for (int i = 1; i < count; ++i) {
        const std::string argument = arguments[i];
        const bool more = i + 1 < count;
        if (argument == "--bench")
            options.bench = true;
        else if (argument == "--quick")
            options.quick = true;
        else if (argument == "--seed" && more)
            options.seed = std::strtoull(arguments[++i], nullptr, 10);
        else if (argument == "--only" && more)
            options.only = arguments[++i];
        else {
            std::fprintf(stderr, "usage: %s [--seed N] [--bench] [--quick] [--only GROUP]\n", arguments[0]);
            std::exit(2);
        }
    }
    std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
    return options;
}

/// Counts cases and prints them.
class Tally {
public:
    void count(bool good, const std::string& line)
    {
        ++(good ? m_passed : m_failed);
        std::printf("%s %s\n", good ? "ok   " : "FAIL ", line.c_str());
        std::fflush(stdout);
    }
    /// The closing line; the program's exit status.
    [[nodiscard]] int close() const
    {
        std::printf("%d passed, %d failed\n", m_passed, m_failed);
        return m_failed == 0 && m_passed > 0 ? 0 : 1;
    }

private:
    int m_passed = 0;
    int m_failed = 0;
};

/// Median milliseconds of `repeats` runs of `work` after three that are not counted, by events on the default stream.
template <typename Work>
double medianMilliseconds(Work&& work, int repeats = 15)
{
    cudaEvent_t begin;
    cudaEvent_t end;
    must(cudaEventCreate(&begin), "cudaEventCreate");
    must(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<float> times;
    for (int i = 0; i < repeats + 3; ++i) {
        must(cudaEventRecord(begin), "cudaEventRecord");
        work();
        must(cudaEventRecord(end), "cudaEventRecord");
        must(cudaEventSynchronize(end), "cudaEventSynchronize");
        float milliseconds = 0;
        must(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
        if (i >= 3)
            times.push_back(milliseconds);
    }
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    std::sort(times.begin(), times.end());
    return static_cast<double>(times[times.size() / 2]);
}

} // namespace argus::device_check
