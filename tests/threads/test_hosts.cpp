// What the threads of a node, a client and an executor share: the way to the executor of the moment, the pool that
// reads pictures, shelves of memory, files that are hashed, GPUs that are watched, weights that several ranks read, and
// a crew whose ranks fail while it is fed.

#include "engine/client/file_reader.h"
#include "engine/executor/crew.h"
#include "engine/media/media.h"
#include "engine/media/memory_shelf.h"
#include "engine/node/executor_host.h"
#include "engine/node/gpu_watch.h"
#include "engine/node/media_pool.h"
#include "engine/tensor/safetensors.h"
#include "tests/threads/check.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

using namespace argus;
using namespace argus::threads;

namespace {

wire::NodeToExecutor stepOf(std::uint64_t epoch, std::uint64_t number)
{
    wire::NodeToExecutor message;
    message.set_epoch(epoch);
    message.mutable_step()->set_step(number);
    return message;
}

/// The planner's thread sends while the main one ends an executor, starts the next and reads its answers.
void stepsGoToTheExecutorOfTheirEpoch(Checks& checks)
{
    constexpr std::uint64_t kEpochs = 40;
    constexpr std::uint64_t kSteps = 50;
    node::ExecutorLink link;
    std::atomic<std::uint64_t> epoch = 0;
    std::atomic<bool> over = false;
    std::atomic<std::uint64_t> sent = 0;
    std::uint64_t arrived = 0;
    std::uint64_t answers = 0;
    bool strayed = false;
    std::jthread planner([&] {
        for (std::uint64_t step = 0; !over; ++step)
            if (const std::uint64_t mine = epoch; mine == 0 || !link.send(stepOf(mine, step), {}))
                std::this_thread::yield();
            else
                ++sent;
    });
    for (std::uint64_t round = 1; round <= kEpochs; ++round) {
        auto ends = protocol::Channel::pair();
        if (!ends)
            return checks.that(false, ends.error().text());
        const auto ours = std::make_shared<protocol::Channel>(std::move(ends->first));
        protocol::Channel theirs(std::move(ends->second));
        link.open(round, ours);
        epoch = round;
        std::jthread executor([&] { // reads steps, and answers each
            for (std::uint64_t i = 0; i < kSteps; ++i) {
                const auto frame = theirs.receive(Deadline::in(Milliseconds(20'000)));
                wire::NodeToExecutor message;
                if (!frame || !*frame || !message.ParseFromString((*frame)->body) || message.epoch() != round) {
                    strayed = true;
                    return;
                }
                ++arrived;
                wire::ExecutorToNode answer;
                answer.set_epoch(round);
                answer.mutable_result()->set_step(message.step().step());
                if (!theirs.send(answer, {}, Deadline::in(Milliseconds(20'000))))
                    return;
            }
        });
        for (std::uint64_t i = 0; i < kSteps; ++i)
            if (const auto frame = ours->receive(Deadline::in(Milliseconds(20'000))); frame && *frame)
                ++answers;
        link.close();
    }
    over = true;
    planner.join();
    checks.that(!strayed, "a step came to an executor of another epoch, or none came");
    checks.that(arrived == kEpochs * kSteps && answers == arrived, "a step or an answer was lost");
    checks.that(sent >= arrived, "more steps came than were sent");
}

void thePoolReadsAsItIsTold(Checks& checks)
{
    for (int round = 0; round < 5; ++round) {
        std::atomic<int> done = 0;
        int accepted = 0;
        {
            node::MediaPool pool;
            const auto reader = [] {
                return std::make_shared<const media::MediaReader>("/nowhere", media::DecodeLimits{},
                                                                  media::PreprocessConfig{});
            };
            pool.start(reader(), 3);
            std::atomic<int> added = 0;
            together(3, [&](int who) {
                for (int i = 0; i < 100; ++i)
                    if (who == 0)
                        pool.use(reader()); // another model is served
                    else if (pool.add([&](const media::MediaReader&) { ++done; }))
                        ++added;
            });
            accepted = added;
            while (done < accepted)
                std::this_thread::yield();
            checks.that(pool.stop(Deadline::in(Milliseconds(20'000))), "the pool does not end");
            checks.that(!pool.add([&](const media::MediaReader&) { ++done; }), "an ended pool took a job");
        }
        checks.that(done == accepted, "a job was lost or done twice");
    }
}

void oneFileOfAShelfHasOneUser(Checks& checks)
{
    const auto shelf = std::make_shared<media::MemoryShelf>(3, std::uint64_t{1} << 20);
    std::atomic<bool> own = true;
    together(4, [&](int who) {
        for (int i = 0; i < 100; ++i) {
            Result<UniqueFd> file = shelf->take();
            if (!file) {
                own = false;
                return;
            }
            const media::ShelvedFile shelved(std::move(*file), shelf);
            const std::string mine = std::to_string(who) + "/" + std::to_string(i);
            std::string read(mine.size(), '\0');
            own = own && media::setSize(shelved.get(), 4'096).ok() &&
                  ::pwrite(shelved.get(), mine.data(), mine.size(), 0) == static_cast<ssize_t>(mine.size()) &&
                  ::pread(shelved.get(), read.data(), read.size(), 0) == static_cast<ssize_t>(read.size()) &&
                  read == mine;
        }
    });
    checks.that(own, "two had the same piece of memory");
}

/// Outcomes come on the reader's thread; one that is destroyed in the middle of its work says nothing more.
void filesAreHashedBesideReading(Checks& checks, const std::string& folder)
{
    const std::string file = folder + "/large";
    std::ofstream(file, std::ios::binary) << std::string(std::size_t{3} << 20, 'x');
    std::atomic<int> hashed = 0;
    std::atomic<int> read = 0;
    {
        client::FileReader reader([](std::function<void()> job) { job(); });
        together(3, [&](int) {
            for (int i = 0; i < 4; ++i) {
                reader.hash(file, std::uint64_t{1} << 30,
                            [&](Result<client::HashedFile> outcome) { hashed += outcome.ok() ? 1 : 100; });
                reader.read(file, 1'000, 4'096, [&](Result<std::string> outcome) {
                    read += outcome.ok() && outcome->size() == 4'096 ? 1 : 100;
                });
            }
        });
        const Deadline deadline = Deadline::in(Milliseconds(60'000));
        while ((hashed < 12 || read < 12) && !deadline.passed())
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    checks.that(hashed == 12 && read == 12, "a file was not read or not hashed");
    for (int i = 0; i < 10; ++i) {
        std::string outcomes; // plain memory: who is gone does not write to it
        {
            client::FileReader reader([&](const std::function<void()>& job) { job(); });
            reader.hash(file, std::uint64_t{1} << 30,
                        [&](const Result<client::HashedFile>&) { outcomes.append("done"); });
            std::this_thread::sleep_for(std::chrono::microseconds(200 * i));
        }
        outcomes.append(".");
        checks.that(outcomes == "." || outcomes == "done.", "a reader has said something else than its outcome");
    }
}

void gpusAreWatchedFromAnywhere(Checks& checks)
{
    for (int round = 0; round < 10; ++round) {
        node::GpuWatch watch([]() -> std::optional<node::Nvml> { return std::nullopt; });
        together(3, [&](int who) {
            if (who == 0) {
                const node::GpuFacts facts = watch.find(Deadline::in(Milliseconds(20'000)));
                checks.that(facts.gpus.empty(), "a GPU was found where there is no driver");
                watch.follow({0, 1});
            } else {
                for (std::uint32_t i = 0; i < 20; ++i) {
                    watch.setProcess(static_cast<pid_t>(i));
                    (void)watch.latest(i % 2);
                }
            }
        });
        watch.stop(Deadline::in(Milliseconds(20'000)));
    }
}

/// Weights that do not lie on multiples of their size are copied for all ranks by whoever asks first.
void ranksReadTheSameWeights(Checks& checks, const std::string& folder)
{
    std::string header = R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                         R"("a":{"dtype":"F32","shape":[256],"data_offsets":[1,1025]}})";
    header.resize(header.size() + (8 - header.size() % 8) % 8, ' ');
    std::string file;
    for (std::uint64_t i = 0, left = header.size(); i < 8; ++i, left >>= 8)
        file.push_back(static_cast<char>(left & 0xff));
    file += header + std::string(1025, '\1');
    const std::string path = folder + "/odd.safetensors";
    std::ofstream(path, std::ios::binary) << file;
    auto opened = SafetensorsFile::open(path);
    if (!opened)
        return checks.that(false, opened.error().text());
    std::vector<const std::byte*> places(4, nullptr);
    together(4, [&](int rank) {
        auto view = (*opened)->tensor("a");
        if (view && view->bytes()[7] == std::byte{1})
            places[static_cast<std::size_t>(rank)] = view->bytes();
    });
    checks.that(places[0] != nullptr && places == std::vector<const std::byte*>(4, places[0]),
                "ranks do not read the same copy");
}

/// All ranks find at once that there is nothing to load, while the link pushes, listens and ends the crew: one cause is
/// told, and every thread ends.
void aCrewThatFailsEndsOnce(Checks& checks)
{
    for (int round = 0; round < 20; ++round) {
        auto order = std::make_shared<wire::NodeToExecutor>();
        order->set_epoch(1);
        wire::LoadModel& load = *order->mutable_load();
        load.mutable_settings()->set_model("/nowhere");
        load.mutable_settings()->set_tensor_parallel_size(4);
        load.set_kv_blocks(4);
        load.set_kv_block_tokens(16);
        load.set_max_batched_tokens(64);
        load.set_max_num_seqs(2);
        for (int i = 0; i < 3; ++i) {
            load.mutable_pixel_scale()->add_mean(0.5F);
            load.mutable_pixel_scale()->add_deviation(0.5F);
        }
        for (std::uint32_t rank = 0; rank < 4; ++rank) {
            wire::RankOrder& each = *load.add_ranks();
            each.set_rank(rank);
            each.set_tensor_rank(rank);
        }
        std::atomic<int> failures = 0;
        executor::Crew crew({}, order, [&](wire::ExecutorToNode& message) -> Result<Done> {
            failures += message.has_failed() ? 1 : 0;
            return Done{};
        });
        const executor::Command step{.message = std::make_shared<const wire::NodeToExecutor>(stepOf(1, 1)),
                                     .descriptors = std::make_shared<const std::vector<UniqueFd>>()};
        wire::Exchange exchange;
        exchange.set_key("1/tensor0/address/3");
        crew.arrived(exchange);
        while (crew.push(step, [] { return false; }))
            (void)crew.stuck(now());
        crew.end("the test is over");
        checks.that(crew.ended(Deadline::in(Milliseconds(20'000))), "a rank does not end");
        checks.that(crew.over(), "a crew without ranks goes on");
        checks.that(failures == 1, "not one cause was told");
    }
}

} // namespace

int main()
{
    char place[] = "/tmp/argus-test-hosts-XXXXXX";
    if (::mkdtemp(place) == nullptr)
        return 1;
    const std::string folder = place;
    Checks checks;
    stepsGoToTheExecutorOfTheirEpoch(checks);
    thePoolReadsAsItIsTold(checks);
    oneFileOfAShelfHasOneUser(checks);
    filesAreHashedBesideReading(checks, folder);
    gpusAreWatchedFromAnywhere(checks);
    ranksReadTheSameWeights(checks, folder);
    aCrewThatFailsEndsOnce(checks);
    std::error_code ignored;
    std::filesystem::remove_all(folder, ignored);
    return checks.end();
}
