// Groups of GPU ranks: engine/comm/nccl, kernels/cuda/all_reduce.h. Needs two GPUs; ranks are threads, one a GPU.
//
//     test_comm [--seed N] [--bench] [--quick] [--only results|graphs|faults]
//
// Every result is compared with sums in float64, in bits between the ranks, and in bits with sums in rank order where
// our own kernels add. --bench prints microseconds of a sum, ours and NCCL's.

#include "engine/comm/nccl/open.h"
#include "engine/comm/nccl_version.h"
#include "tests/device/device_check.h"
#include "tests/engine/comm/exercise.h"

#include <barrier>
#include <functional>
#include <mutex>
#include <thread>

using namespace argus;
using namespace argus::comm;
using namespace argus::device_check;

namespace {

using Bytes = std::vector<std::byte>;

constexpr std::int64_t kOurs = std::int64_t{8} << 20; ///< our own kernels up to 8 MiB
constexpr std::int64_t kNone = 0;                     ///< NCCL alone

std::string text(const char* format, auto... arguments)
{
    char buffer[256];
    std::snprintf(buffer, sizeof buffer, format, arguments...);
    return buffer;
}

struct Setup {
    int ranks = 2;
    int tensorRanks = 2;
    std::int64_t own = kOurs;
    int missing = 0; ///< more ranks belong to the world, but do not come
    Milliseconds forming{60'000};
    Milliseconds operation{30'000};
    std::function<void(MeetingPoint&)> before = [](MeetingPoint&) {};
};

/// One rank at work.
struct Rank {
    int number = 0;
    Groups* groups = nullptr;
    cudaStream_t stream = nullptr;
    std::barrier<>* together = nullptr;
    std::vector<Bytes>* shown = nullptr; ///< by rank: what they have to agree in

    [[nodiscard]] Communicator& tensor() const { return *groups->tensor; }
    void wait() const { must(cudaStreamSynchronize(stream), "cudaStreamSynchronize"); }
    /// Enqueues something and waits for it. Nobody asks for memory or gives it back meanwhile: a driver may wait for
    /// kernels of other GPUs then, which wait for ours.
    template <typename Work>
    void perform(Work&& work) const
    {
        must(cudaDeviceSynchronize(), "cudaDeviceSynchronize"); // uploads are on another stream
        together->arrive_and_wait();
        work();
        wait();
        together->arrive_and_wait();
    }
    /// Whether all ranks show the same bytes.
    [[nodiscard]] bool agree(Bytes bytes) const
    {
        (*shown)[static_cast<std::size_t>(number)] = std::move(bytes);
        together->arrive_and_wait();
        const bool same = (*shown)[static_cast<std::size_t>(number)] == (*shown)[0];
        together->arrive_and_wait();
        return same;
    }
};

/// Runs `work` as every rank, each on its GPU. What kept a rank from starting, by rank; its groups outlive all work.
template <typename Work>
std::vector<std::optional<Error>> runRanks(const Setup& setup, Work&& work)
{
    MeetingPoint meeting({});
    setup.before(meeting);
    std::barrier together(setup.ranks);
    std::vector<Bytes> shown(static_cast<std::size_t>(setup.ranks));
    std::vector<std::optional<Error>> errors(static_cast<std::size_t>(setup.ranks));
    std::vector<std::jthread> threads;
    for (int number = 0; number < setup.ranks; ++number)
        threads.emplace_back([&, number] {
            must(cudaSetDevice(number), "cudaSetDevice");
            cudaStream_t stream = nullptr;
            must(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking), "cudaStreamCreate");
            {
                auto groups = openNccl({.world = {.epoch = 3,
                                                  .rank = number,
                                                  .size = setup.ranks + setup.missing,
                                                  .tensorRanks = setup.tensorRanks},
                                        .device = number,
                                        .stream = stream,
                                        .forming = setup.forming,
                                        .operation = setup.operation,
                                        .ownKernelBytes = setup.own},
                                       meeting);
                if (!groups)
                    errors[static_cast<std::size_t>(number)] = groups.error();
                together.arrive_and_wait();
                bool all = true;
                for (const auto& error : errors)
                    all = all && !error;
                if (all)
                    work(Rank{number, &*groups, stream, &together, &shown});
                together.arrive_and_wait();
            }
            cudaStreamDestroy(stream);
        });
    threads.clear();
    return errors;
}

/// Cheap numbers with some bits behind the point, the same on every machine.
float numberOf(std::uint64_t seed, int rank, std::int64_t i)
{
    std::uint64_t x = seed * 0x9E3779B97F4A7C15u + static_cast<std::uint64_t>(rank) * 0xBF58476D1CE4E5B9u +
                      static_cast<std::uint64_t>(i) * 0x94D049BB133111EBu;
    x ^= x >> 31;
    x *= 0xD6E8FEB86659FD93u;
    x ^= x >> 32;
    return static_cast<float>(static_cast<std::int64_t>(x % 200'003) - 100'001) / 20'000.0f;
}

/// Rows on the device, `gap` elements between them; filled with numbers of (seed, rank).
struct Matrix {
    DType type;
    std::int64_t rows, columns, stride;
    Bytes host; ///< as uploaded
    DeviceBytes device;

    Matrix(DType elementType, std::int64_t rowCount, std::int64_t columnCount, std::int64_t gap, std::uint64_t seed,
           int rank)
        : type(elementType), rows(rowCount), columns(columnCount), stride(columnCount + gap),
          host(static_cast<std::size_t>(rows * stride) * sizeOf(type)), device(host.size())
    {
        for (std::int64_t i = 0; i < rows * stride; ++i)
            comm_test::putValue(host.data() + static_cast<std::size_t>(i) * sizeOf(type), type,
                                numberOf(seed, rank, i));
        must(cudaMemcpy(device.get(), host.data(), host.size(), cudaMemcpyHostToDevice), "cudaMemcpy");
    }
    [[nodiscard]] TensorView view() const
    {
        return {static_cast<std::byte*>(device.get()), type, {rows, columns}, stride};
    }
    [[nodiscard]] Bytes download() const
    {
        Bytes bytes(host.size());
        must(cudaMemcpy(bytes.data(), device.get(), bytes.size(), cudaMemcpyDeviceToHost), "cudaMemcpy");
        return bytes;
    }
    [[nodiscard]] float at(const Bytes& bytes, std::int64_t i) const
    {
        return static_cast<float>(comm_test::valueAt(bytes.data() + static_cast<std::size_t>(i) * sizeOf(type), type));
    }
};

float roundedTo(DType type, float value)
{
    std::byte bytes[4];
    comm_test::putValue(bytes, type, value);
    return static_cast<float>(comm_test::valueAt(bytes, type));
}

double epsilonOf(DType type)
{
    return type == DType::F32 ? 0x1p-23 : type == DType::F16 ? 0x1p-10 : 0x1p-7;
}

class Checks {
public:
    explicit Checks(std::uint64_t seed) : m_seed(seed) {}
    /// Any thread.
    void count(bool good, const std::string& line)
    {
        const std::lock_guard lock(m_mutex);
        m_tally.count(good, line);
    }
    void requireFormed(const std::vector<std::optional<Error>>& errors)
    {
        for (std::size_t rank = 0; rank < errors.size(); ++rank)
            if (errors[rank])
                count(false, text("rank %zu could not be connected: %s", rank, errors[rank]->text().c_str()));
    }
    [[nodiscard]] int close() const { return m_tally.close(); }
    [[nodiscard]] std::uint64_t seed() const { return m_seed; }

private:
    std::uint64_t m_seed;
    std::mutex m_mutex;
    Tally m_tally;
};

/// Whether a group of these sizes adds by our own kernels: they want eights, and a slot that holds the rows.
bool ours(const Setup& setup, DType type, std::int64_t rows, std::int64_t columns)
{
    return columns % 8 == 0 && rows * columns * static_cast<std::int64_t>(sizeOf(type)) <= setup.own;
}

/// Adds into a residual of `out`, or in place (then `out` is the type and there is no gap).
void checkSum(Checks& checks, const Setup& setup, const Rank& rank, DType type, DType out, bool accumulate,
              std::int64_t rows, std::int64_t columns, std::int64_t gap)
{
    const std::uint64_t seed = checks.seed() + static_cast<std::uint64_t>(rows * 31 + columns);
    const Matrix mine(type, rows, columns, 0, seed, rank.number);
    const Matrix residual(out, rows, columns, gap, seed, 50);
    rank.perform([&] {
        if (accumulate)
            rank.tensor().addSum(residual.view(), mine.view());
        else
            rank.tensor().sum(mine.view());
    });
    const Matrix& result = accumulate ? residual : mine;
    const Bytes got = result.download();
    const bool exact = ours(setup, type, rows, columns);
    std::int64_t wrong = 0;
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < result.stride; ++column) {
            const std::int64_t i = row * result.stride + column;
            const float value = result.at(got, i);
            if (column >= columns) { // between the rows
                wrong += value != result.at(result.host, i);
                continue;
            }
            double sum = 0;
            double size = 0;
            float ordered = 0;
            for (int other = 0; other < setup.ranks; ++other) {
                const float theirs = roundedTo(type, numberOf(seed, other, row * columns + column));
                sum += static_cast<double>(theirs);
                size += std::abs(static_cast<double>(theirs));
                ordered = other == 0 ? theirs : ordered + theirs;
            }
            const float before = accumulate ? result.at(result.host, i) : 0.0f;
            const double expected = static_cast<double>(before) + sum;
            const double allowed =
                size * epsilonOf(type) * std::max(setup.ranks / 2, 1) + (std::abs(expected) + size) * epsilonOf(out);
            wrong += !(std::abs(static_cast<double>(value) - expected) <= allowed);
            if (exact)
                wrong += value != roundedTo(out, accumulate ? before + ordered : ordered);
        }
    const bool same = rank.agree(got);
    checks.count(wrong == 0 && same && mine.device.guardsIntact() && residual.device.guardsIntact(),
                 text("rank %d of %d, %s: %s %s into %s, %lld x %lld%s: %lld wrong%s", rank.number, setup.ranks,
                      exact ? "ours" : "NCCL", accumulate ? "addSum" : "sum", std::string(nameOf(type)).c_str(),
                      std::string(nameOf(out)).c_str(), static_cast<long long>(rows), static_cast<long long>(columns),
                      gap != 0 ? " strided" : "", static_cast<long long>(wrong), same ? "" : ", ranks differ in bits"));
}

void checkGather(Checks& checks, const Setup& setup, const Rank& rank, DType type, std::int64_t rows,
                 std::int64_t columns, std::int64_t gap)
{
    const std::uint64_t seed = checks.seed() + static_cast<std::uint64_t>(rows * 37 + columns);
    const Matrix mine(type, rows, columns, gap, seed, rank.number);
    const Matrix y(type, rows, columns * setup.ranks, gap, seed, 60);
    const Matrix scratch(type, rows * setup.ranks, columns, 0, seed, 61);
    rank.perform([&] { rank.tensor().gatherColumns(y.view(), mine.view(), scratch.view()); });
    const Bytes got = y.download();
    std::int64_t wrong = 0;
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < y.stride; ++column) {
            const std::int64_t i = row * y.stride + column;
            const auto from = static_cast<int>(column / columns);
            const float expected = column >= columns * setup.ranks
                                       ? y.at(y.host, i)
                                       : roundedTo(type, numberOf(seed, from, row * mine.stride + column % columns));
            wrong += y.at(got, i) != expected;
        }
    checks.count(wrong == 0 && y.device.guardsIntact() && scratch.device.guardsIntact(),
                 text("rank %d of %d, %s: gatherColumns %s, %lld x %lld%s: %lld wrong", rank.number, setup.ranks,
                      ours(setup, type, rows, columns) ? "ours" : "NCCL", std::string(nameOf(type)).c_str(),
                      static_cast<long long>(rows), static_cast<long long>(columns), gap != 0 ? " strided" : "",
                      static_cast<long long>(wrong)));
}

void checkResults(Checks& checks, const Setup& setup, bool quick)
{
    struct Size {
        std::int64_t rows, columns;
    };
    std::vector<Size> sizes{{1, 8}, {1, 13}, {1, 3584}, {1, 8192}, {7, 5120}, {64, 8192}, {256, 8192}, {3, 1001}};
    if (!quick) {
        sizes.push_back({2048, 8192});
        sizes.push_back({8192, 8192});
    }
    checks.requireFormed(runRanks(setup, [&](const Rank& rank) {
        for (const auto& [rows, columns] : sizes) {
            const bool large = rows * columns > (std::int64_t{1} << 24);
            for (const DType type : {DType::F32, DType::F16, DType::BF16}) {
                if (large && type != DType::BF16)
                    continue; // a reference of 64 million numbers takes its time
                checkSum(checks, setup, rank, type, type, false, rows, columns, 0);
                checkSum(checks, setup, rank, type, DType::F32, true, rows, columns, 0);
                if (large)
                    continue;
                checkSum(checks, setup, rank, type, DType::F32, true, rows, columns, 8);
                checkSum(checks, setup, rank, type, type, true, rows, columns, 0);
            }
        }
        for (const auto& [rows, columns] :
             {Size{1, 76032}, Size{5, 1000}, Size{3, 7}, Size{1, 8}, Size{64, 19008}, Size{130, 18992}})
            for (const DType type : {DType::F32, DType::BF16})
                for (const std::int64_t gap : {0, 8})
                    checkGather(checks, setup, rank, type, rows, columns, gap);
    }));
}

/// Many small calls in a row, of changing sizes: the halves of the inbox and the flags have to follow.
void checkManyCalls(Checks& checks, const Setup& setup)
{
    checks.requireFormed(runRanks(setup, [&](const Rank& rank) {
        constexpr int kCalls = 3000;
        constexpr std::int64_t kMost = 65536;
        const Matrix x(DType::F32, 1, kMost, 0, 1, rank.number);
        Matrix total(DType::F32, 1, kMost, 0, 1, 0);
        must(cudaMemset(total.device.get(), 0, kMost * 4), "cudaMemset");
        std::vector<double> expected(kMost);
        std::vector<float> sums(kMost);
        for (std::int64_t i = 0; i < kMost; ++i)
            for (int other = 0; other < setup.ranks; ++other)
                sums[static_cast<std::size_t>(i)] =
                    other == 0 ? numberOf(1, other, i) : sums[static_cast<std::size_t>(i)] + numberOf(1, other, i);
        std::vector<float> wanted(kMost);
        const auto columnsOf = [](int call) { return std::int64_t{8} << (call * 5 % 14); }; // 8 to 65536
        for (int call = 0; call < kCalls; ++call)
            for (std::int64_t i = 0; i < columnsOf(call); ++i)
                wanted[static_cast<std::size_t>(i)] += sums[static_cast<std::size_t>(i)];
        rank.perform([&] {
            for (int call = 0; call < kCalls; ++call)
                rank.tensor().addSum({total.view().bytes(), DType::F32, {1, columnsOf(call)}},
                                     {x.view().bytes(), DType::F32, {1, columnsOf(call)}});
        });
        const Bytes got = total.download();
        std::int64_t wrong = 0;
        for (std::int64_t i = 0; i < kMost; ++i)
            wrong += total.at(got, i) != wanted[static_cast<std::size_t>(i)];
        checks.count(wrong == 0, text("rank %d of %d: %d sums in a row of changing sizes: %lld wrong", rank.number,
                                      setup.ranks, kCalls, static_cast<long long>(wrong)));
    }));
}

/// Both ways along the ranks, several messages, in order.
void checkMessages(Checks& checks, Setup setup)
{
    setup.tensorRanks = 1;
    checks.requireFormed(runRanks(setup, [&](const Rank& rank) {
        Communicator& group = *rank.groups->pipeline;
        std::int64_t wrong = 0;
        for (const std::int64_t elements : {8, 1000, 3'000'000})
            for (const int direction : {1, -1})
                for (int message = 0; message < 3; ++message) {
                    const std::uint64_t seed = checks.seed() + static_cast<std::uint64_t>(message);
                    const int from = rank.number - direction;
                    const int to = rank.number + direction;
                    const bool receives = from >= 0 && from < setup.ranks;
                    const Matrix incoming(DType::BF16, 1, elements, 0, seed, 90);
                    const Matrix outgoing(DType::BF16, 1, elements, 0, seed, rank.number);
                    rank.perform([&] {
                        if (receives)
                            group.receive(incoming.view(), from);
                        if (to >= 0 && to < setup.ranks)
                            group.send(outgoing.view(), to);
                    });
                    if (receives)
                        wrong += incoming.download() != Matrix(DType::BF16, 1, elements, 0, seed, from).host;
                }
        checks.count(wrong == 0, text("rank %d of %d: messages both ways: %lld wrong", rank.number, setup.ranks,
                                      static_cast<long long>(wrong)));
    }));
}

/// A recorded step of several layers, replayed: sums, a large sum, a gather.
void checkGraphs(Checks& checks, const Setup& setup)
{
    checks.requireFormed(runRanks(setup, [&](const Rank& rank) {
        constexpr int kLayers = 20;
        constexpr int kReplays = 50;
        constexpr std::int64_t kColumns = 4096;
        for (const std::int64_t rows : {1, 16, 512}) {
            const std::int64_t elements = rows * kColumns;
            std::vector<float> ones(static_cast<std::size_t>(elements)), zeros(static_cast<std::size_t>(elements));
            for (std::size_t i = 0; i < ones.size(); ++i)
                ones[i] = static_cast<float>(rank.number + 1 + static_cast<int>(i % 5));
            const DeviceBytes source = uploadPlain(ones);
            const DeviceBytes partial = uploadPlain(zeros);
            const DeviceBytes residual = uploadPlain(zeros);
            const std::int64_t wide = kColumns * setup.ranks;
            const DeviceBytes gathered(static_cast<std::size_t>(rows * wide) * 4);
            const DeviceBytes scratch(static_cast<std::size_t>(rows * wide) * 4);
            const auto view = [](const DeviceBytes& bytes, std::int64_t r, std::int64_t c) {
                return TensorView(static_cast<std::byte*>(bytes.get()), DType::F32, {r, c});
            };
            const auto step = [&] {
                for (int layer = 0; layer < kLayers; ++layer) {
                    must(cudaMemcpyAsync(partial.get(), source.get(), partial.bytes(), cudaMemcpyDeviceToDevice,
                                         rank.stream),
                         "cudaMemcpyAsync");
                    rank.tensor().addSum(view(residual, rows, kColumns), view(partial, rows, kColumns));
                }
                rank.tensor().gatherColumns(view(gathered, rows, wide), view(residual, rows, kColumns),
                                            view(scratch, rows * setup.ranks, kColumns));
            };
            rank.perform(step);
            cudaGraph_t graph = nullptr;
            cudaGraphExec_t replayed = nullptr;
            must(cudaStreamBeginCapture(rank.stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
            step();
            must(cudaStreamEndCapture(rank.stream, &graph), "cudaStreamEndCapture");
            must(cudaGraphInstantiate(&replayed, graph, 0), "cudaGraphInstantiate");
            rank.perform([&] {
                for (int replay = 0; replay < kReplays; ++replay)
                    must(cudaGraphLaunch(replayed, rank.stream), "cudaGraphLaunch");
            });
            rank.tensor().requireWhole();
            std::int64_t wrong = 0;
            const std::vector<float> got = downloadPlain<float>(gathered);
            for (std::int64_t i = 0; i < rows * wide; ++i) {
                const std::int64_t own = i / wide * kColumns + i % wide % kColumns;
                float sum = 0;
                for (int other = 0; other < setup.ranks; ++other)
                    sum += static_cast<float>(other + 1 + static_cast<int>(own % 5));
                wrong += got[static_cast<std::size_t>(i)] != sum * kLayers * (kReplays + 1);
            }
            cudaGraphExecDestroy(replayed);
            cudaGraphDestroy(graph);
            checks.count(wrong == 0,
                         text("rank %d of %d, %s: %d replays of %d layers, %lld rows: %lld wrong", rank.number,
                              setup.ranks, ours(setup, DType::F32, rows, kColumns) ? "ours" : "NCCL", kReplays, kLayers,
                              static_cast<long long>(rows), static_cast<long long>(wrong)));
        }
    }));
}

std::optional<GroupBroken::Why> whyBroken(Communicator& group)
{
    try {
        group.requireWhole();
    } catch (const GroupBroken& broken) {
        return broken.why();
    }
    return std::nullopt;
}

/// Waits without asking the device to block, for it may never be through.
bool settlesWithin(cudaStream_t stream, Milliseconds patience)
{
    const Deadline deadline = Deadline::in(patience);
    while (cudaStreamQuery(stream) == cudaErrorNotReady) {
        if (deadline.passed())
            return false;
        std::this_thread::sleep_for(Milliseconds(2));
    }
    return true;
}

void checkMissingRanks(Checks& checks)
{
    const auto timedOut = [&](const char* what, const Setup& setup) {
        const Instant begin = now();
        const auto errors = runRanks(setup, [](const Rank&) {});
        const double seconds = std::chrono::duration<double>(now() - begin).count();
        for (std::size_t rank = 0; rank < errors.size(); ++rank)
            checks.count(errors[rank] && errors[rank]->code == ErrorCode::Timeout && seconds < 30,
                         text("rank %zu, %s: %s after %.1f s", rank, what,
                              errors[rank] ? errors[rank]->text().c_str() : "no error", seconds));
    };
    timedOut("a rank never comes", {.ranks = 2, .tensorRanks = 3, .missing = 1, .forming = Milliseconds(3'000)});
    timedOut("a rank comes and hangs before NCCL connects",
             {.ranks = 2,
              .tensorRanks = 3,
              .missing = 1,
              .forming = Milliseconds(6'000),
              .before = [](MeetingPoint& meeting) {
                  int major = 0, minor = 0, patch = 0;
                  std::sscanf(ncclLibraryVersion().value_or("").c_str(), "%d.%d.%d", &major, &minor, &patch);
                  meeting.arrived("3/tensor0/nccl-version/2", std::to_string(major * 10'000 + minor * 100 + patch));
              }});
    const auto errors =
        runRanks({.ranks = 2,
                  .tensorRanks = 3,
                  .missing = 1,
                  .before = [](MeetingPoint& meeting) { meeting.arrived("3/tensor0/nccl-version/2", "21805"); }},
                 [](const Rank&) {});
    for (std::size_t rank = 0; rank < errors.size(); ++rank)
        checks.count(
            errors[rank] && errors[rank]->code == ErrorCode::Unsupported,
            text("rank %zu, another version: %s", rank, errors[rank] ? errors[rank]->text().c_str() : "no error"));
}

/// Rank 0 adds, the others never do.
void checkAborts(Checks& checks)
{
    for (const std::int64_t own : {kOurs, kNone})
        for (const bool abort : {true, false}) {
            if (!abort && own == kNone)
                continue; // NCCL waits until it is aborted
            const Setup setup{.own = own, .operation = Milliseconds(abort ? 60'000 : 500)};
            checks.requireFormed(runRanks(setup, [&](const Rank& rank) {
                const Matrix x(DType::F32, 1, 8192, 0, 1, 0);
                must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
                rank.together->arrive_and_wait();
                if (rank.number == 0) {
                    for (int i = 0; i < 5; ++i)
                        rank.tensor().sum(x.view());
                    std::jthread aborts;
                    if (abort)
                        aborts = std::jthread([&] {
                            std::this_thread::sleep_for(Milliseconds(200));
                            rank.tensor().abort();
                        });
                    const bool waited = !settlesWithin(rank.stream, Milliseconds(100));
                    const bool settled = settlesWithin(rank.stream, Milliseconds(10'000));
                    const auto why = whyBroken(rank.tensor());
                    const auto expected = abort ? GroupBroken::Why::Aborted : GroupBroken::Why::Timeout;
                    checks.count(waited && settled && why == expected,
                                 text("%s, %s: a sum alone %s, %s, %s", own == kOurs ? "ours" : "NCCL",
                                      abort ? "abort" : "time limit", waited ? "waited" : "DID NOT WAIT",
                                      settled ? "ended" : "DID NOT END",
                                      why == expected ? "told why" : "WRONG REASON"));
                }
                rank.together->arrive_and_wait();
            }));
        }
}

/// Median microseconds of a sum, of 200 replays of a recording of 20.
double microseconds(const Rank& rank, DType type, std::int64_t bytes)
{
    constexpr int kSums = 20;
    const auto elements = bytes / static_cast<std::int64_t>(sizeOf(type));
    const DeviceBytes partial(static_cast<std::size_t>(bytes));
    const DeviceBytes residual(static_cast<std::size_t>(elements) * 4);
    must(cudaMemset(partial.get(), 0, partial.bytes()), "cudaMemset");
    must(cudaMemset(residual.get(), 0, residual.bytes()), "cudaMemset");
    const auto sums = [&] {
        for (int i = 0; i < kSums; ++i)
            rank.tensor().addSum({static_cast<std::byte*>(residual.get()), DType::F32, {1, elements}},
                                 {static_cast<std::byte*>(partial.get()), type, {1, elements}});
    };
    rank.perform(sums);
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t replayed = nullptr;
    must(cudaStreamBeginCapture(rank.stream, cudaStreamCaptureModeThreadLocal), "cudaStreamBeginCapture");
    sums();
    must(cudaStreamEndCapture(rank.stream, &graph), "cudaStreamEndCapture");
    must(cudaGraphInstantiate(&replayed, graph, 0), "cudaGraphInstantiate");
    cudaEvent_t begin;
    cudaEvent_t end;
    must(cudaEventCreate(&begin), "cudaEventCreate");
    must(cudaEventCreate(&end), "cudaEventCreate");
    std::vector<float> times;
    for (int i = 0; i < 205; ++i) {
        rank.together->arrive_and_wait();
        must(cudaEventRecord(begin, rank.stream), "cudaEventRecord");
        must(cudaGraphLaunch(replayed, rank.stream), "cudaGraphLaunch");
        must(cudaEventRecord(end, rank.stream), "cudaEventRecord");
        must(cudaEventSynchronize(end), "cudaEventSynchronize");
        float milliseconds = 0;
        must(cudaEventElapsedTime(&milliseconds, begin, end), "cudaEventElapsedTime");
        if (i >= 5)
            times.push_back(milliseconds);
    }
    rank.together->arrive_and_wait();
    cudaEventDestroy(begin);
    cudaEventDestroy(end);
    cudaGraphExecDestroy(replayed);
    cudaGraphDestroy(graph);
    std::sort(times.begin(), times.end());
    return static_cast<double>(times[times.size() / 2]) * 1000 / kSums;
}

int bench(int ranks)
{
    std::vector<std::int64_t> sizes;
    for (std::int64_t bytes = 8 << 10; bytes <= kOurs; bytes *= 2)
        sizes.push_back(bytes);
    std::vector<std::vector<double>> columns;
    for (const std::int64_t own : {kOurs, kNone}) {
        std::vector<double>& column = columns.emplace_back();
        const auto errors = runRanks({.ranks = ranks, .tensorRanks = ranks, .own = own}, [&](const Rank& rank) {
            for (const std::int64_t bytes : sizes) {
                const double time = microseconds(rank, DType::BF16, bytes);
                if (rank.number == 0)
                    column.push_back(time);
            }
        });
        for (const auto& error : errors)
            if (error) {
                std::fprintf(stderr, "%s\n", error->text().c_str());
                return 1;
            }
    }
    std::printf("addSum of bfloat16 into float32, %d GPUs, microseconds, median of 200\n%10s %10s %10s\n", ranks,
                "bytes", "ours", "NCCL");
    for (std::size_t i = 0; i < sizes.size(); ++i)
        std::printf("%10lld %10.1f %10.1f\n", static_cast<long long>(sizes[i]), columns[0][i], columns[1][i]);
    return 0;
}

} // namespace

int main(int count, char** arguments)
{
    const Options options = readOptions(count, arguments);
    int gpus = 0;
    must(cudaGetDeviceCount(&gpus), "cudaGetDeviceCount");
    std::printf("NCCL %s, %d GPUs\n", ncclLibraryVersion().value_or("missing").c_str(), gpus);
    if (gpus < 2) {
        std::fprintf(stderr, "two GPUs are needed\n");
        return 1;
    }
    std::vector<int> groupSizes{2};
    if (gpus > 2)
        groupSizes.push_back(std::min(gpus, 8));
    if (options.bench) {
        for (const int ranks : groupSizes)
            if (bench(ranks) != 0)
                return 1;
        return 0;
    }
    Checks checks(options.seed);
    for (const int ranks : groupSizes)
        for (const std::int64_t own : {kOurs, kNone}) {
            const Setup setup{.ranks = ranks, .tensorRanks = ranks, .own = own};
            if (options.wants("results")) {
                checkResults(checks, setup, options.quick);
                if (own != kNone) // NCCL would overwrite what is added again
                    checkManyCalls(checks, setup);
                checkMessages(checks, setup);
            }
            if (options.wants("graphs"))
                checkGraphs(checks, setup);
        }
    if (options.wants("faults")) {
        checkMissingRanks(checks);
        checkAborts(checks);
    }
    const int status = checks.close();
    std::fflush(stdout);
    std::_Exit(status); // threads that end broken communicators of NCCL may still be at it
}
