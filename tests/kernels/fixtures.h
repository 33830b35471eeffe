#pragma once
// What kernel tests share: fresh random numbers, poisoned outputs, and comparison against float64 with a tolerance per
// element.

#include "kernels/types.h"

#include <QTest>

#include <hwy/targets.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace argus::testing {

inline std::mt19937& generator()
{
    static std::mt19937 random(std::random_device{}()); // fresh numbers every run; failures print what they saw
    return random;
}

inline std::vector<float> randomFloats(std::size_t count, float scale = 1)
{
    std::normal_distribution<float> normal(0, scale);
    std::vector<float> values(count);
    for (float& value : values)
        value = normal(generator());
    return values;
}

/// Outputs start as NaN, so what a kernel forgets to write shows.
inline std::vector<float> poisoned(std::size_t count)
{
    return std::vector<float>(count, std::numeric_limits<float>::quiet_NaN());
}

/// A matrix in one of the stored formats beside the exact values it holds.
struct StoredMatrix {
    kernels::Format format = kernels::Format::F32;
    std::vector<float> values;
    std::vector<std::uint16_t> halves;
    [[nodiscard]] const void* data() const
    {
        return format == kernels::Format::F32 ? static_cast<const void*>(values.data()) : halves.data();
    }
};

/// Values that the format holds exactly: bf16 by cutting the float, f16 from small integers over 256.
inline StoredMatrix randomMatrix(std::size_t count, kernels::Format format)
{
    StoredMatrix matrix{.format = format, .values = randomFloats(count), .halves = {}};
    for (float& value : matrix.values) {
        if (format == kernels::Format::BF16) {
            matrix.halves.push_back(static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16));
            value = std::bit_cast<float>(std::uint32_t{matrix.halves.back()} << 16);
        } else if (format == kernels::Format::F16) {
            const int exponent = std::uniform_int_distribution(10, 16)(generator()); // 2^-5 … 2
            const int mantissa = std::uniform_int_distribution(0, 1023)(generator());
            const int sign = std::uniform_int_distribution(0, 1)(generator());
            matrix.halves.push_back(static_cast<std::uint16_t>(sign << 15 | exponent << 10 | mantissa));
            value = std::ldexp(1.0f + static_cast<float>(mantissa) / 1024.0f, exponent - 15) * (sign ? -1.0f : 1.0f);
        }
    }
    return matrix;
}

/// The worst element of a comparison, as a share of what is allowed at it; 1 and below is good.
class Worst {
public:
    void see(double got, double expected, double allowed, const std::string& where)
    {
        const double share =
            std::isnan(got) ? std::numeric_limits<double>::infinity() : std::abs(got - expected) / allowed;
        if (share <= m_share)
            return;
        m_share = share;
        m_text = where + ": got " + std::to_string(got) + ", expected " + std::to_string(expected) + ", allowed " +
                 std::to_string(allowed);
    }
    [[nodiscard]] bool good() const { return m_share <= 1; }
    [[nodiscard]] const char* text() const { return m_text.c_str(); }

private:
    double m_share = -1;
    std::string m_text;
};

constexpr double kEpsilon = std::numeric_limits<float>::epsilon();

/// Every instruction set this machine has, the plain loop among them: rows of a data table named `target`.
inline void addTargets()
{
    QTest::addColumn<qint64>("target");
    for (const std::int64_t target : hwy::SupportedAndGeneratedTargets())
        QTest::newRow(hwy::TargetName(target)) << static_cast<qint64>(target);
}

/// Kernels use this instruction set until the end of the scope.
class OnTarget {
public:
    explicit OnTarget(qint64 target)
    {
        hwy::SetSupportedTargetsForTest(target);
        hwy::GetChosenTarget().DeInit();
    }
    ~OnTarget()
    {
        hwy::SetSupportedTargetsForTest(0);
        hwy::GetChosenTarget().DeInit();
    }
    OnTarget(const OnTarget&) = delete;
    OnTarget& operator=(const OnTarget&) = delete;
};

} // namespace argus::testing
