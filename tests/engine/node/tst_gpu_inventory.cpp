// GPUs as a made-up driver tells of them: what is read, what is left out, and a driver that does not answer.

#include "engine/node/gpu_inventory.h"
#include "engine/node/gpu_watch.h"

#include <QtTest>

#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>

using namespace argus;
using namespace argus::node;

namespace {

constexpr unsigned long long kGiB = 1ULL << 30;

struct FakeGpu {
    const char* name = "NVIDIA H100 80GB HBM3";
    const char* uuid = "GPU-aaaa1111";
    int major = 9;
    int minor = 0;
    unsigned cores = 16'896;
    Nvml::Memory memory{80 * kGiB, 79 * kGiB, kGiB};
    unsigned mig = 0;
    Nvml::Status opens = kNvmlSuccess;
    Nvml::Status tellsMemory = kNvmlSuccess;
    Nvml::Status tellsPlace = kNvmlSuccess;
    std::vector<int> links{}; ///< the GPU at the other end of each, kSwitch, kNobody, or kDown
};
constexpr int kSwitch = -1;
constexpr int kNobody = -2; ///< a device that is no GPU of this machine
constexpr int kDown = -3;

/// The driver of one test. NVML is a C library: its functions carry no pointer of ours.
struct Driver {
    Nvml::Status begins = kNvmlSuccess;
    std::vector<FakeGpu> gpus{FakeGpu{}};
    std::vector<Nvml::Process> processes;
    std::atomic<int> readings = 0;
    std::atomic<int> shutdowns = 0;
    std::mutex mutex; // guards `hangs`
    std::condition_variable answers;
    bool hangs = false;
};
Driver* driver = nullptr;

FakeGpu& at(Nvml::Handle handle)
{
    return driver->gpus[reinterpret_cast<std::size_t>(handle) - 1];
}

Nvml::Pci placeOf(int gpu)
{
    Nvml::Pci place;
    place.bus = static_cast<unsigned>(64 + gpu);
    return place;
}

void write(char* text, unsigned size, const char* what)
{
    std::strncpy(text, what, size - 1);
}

Nvml fake()
{
    return {.init =
                [] {
                    std::unique_lock lock(driver->mutex);
                    driver->answers.wait(lock, [] { return !driver->hangs; });
                    return driver->begins;
                },
            .shutdown =
                [] {
                    ++driver->shutdowns;
                    return kNvmlSuccess;
                },
            .errorString = [](Nvml::Status status) { return status == 18 ? "Driver/library version mismatch" : "Bad"; },
            .driverVersion =
                [](char* text, unsigned size) {
                    write(text, size, "580.65.06");
                    return kNvmlSuccess;
                },
            .cudaVersion =
                [](int* version) {
                    *version = 13'000;
                    return kNvmlSuccess;
                },
            .count =
                [](unsigned* gpus) {
                    *gpus = static_cast<unsigned>(driver->gpus.size());
                    return kNvmlSuccess;
                },
            .handle =
                [](unsigned index, Nvml::Handle* gpu) {
                    *gpu = reinterpret_cast<Nvml::Handle>(std::size_t{index} + 1);
                    return driver->gpus[index].opens;
                },
            .name =
                [](Nvml::Handle gpu, char* text, unsigned size) {
                    write(text, size, at(gpu).name);
                    return kNvmlSuccess;
                },
            .uuid =
                [](Nvml::Handle gpu, char* text, unsigned size) {
                    write(text, size, at(gpu).uuid);
                    return kNvmlSuccess;
                },
            .capability =
                [](Nvml::Handle gpu, int* major, int* minor) {
                    *major = at(gpu).major;
                    *minor = at(gpu).minor;
                    return kNvmlSuccess;
                },
            .memory =
                [](Nvml::Handle gpu, Nvml::Memory* memory) {
                    ++driver->readings;
                    *memory = at(gpu).memory;
                    return at(gpu).tellsMemory;
                },
            .cores =
                [](Nvml::Handle gpu, unsigned* cores) {
                    *cores = at(gpu).cores;
                    return kNvmlSuccess;
                },
            .migMode =
                [](Nvml::Handle gpu, unsigned* current, unsigned* pending) {
                    *current = *pending = at(gpu).mig;
                    return kNvmlSuccess;
                },
            .processes =
                [](Nvml::Handle, unsigned* count, Nvml::Process* processes) {
                    std::copy(driver->processes.begin(), driver->processes.end(), processes);
                    *count = static_cast<unsigned>(driver->processes.size());
                    return kNvmlSuccess;
                },
            .pci =
                [](Nvml::Handle gpu, Nvml::Pci* place) {
                    *place = placeOf(static_cast<int>(reinterpret_cast<std::size_t>(gpu)) - 1);
                    return at(gpu).tellsPlace;
                },
            .linkState =
                [](Nvml::Handle gpu, unsigned link, int* active) {
                    const std::vector<int>& links = at(gpu).links;
                    *active = link < links.size() && links[link] != kDown ? 1 : 0;
                    return link < links.size() ? kNvmlSuccess : 2;
                },
            .linkEnd =
                [](Nvml::Handle gpu, unsigned link, Nvml::Pci* place) {
                    *place = placeOf(at(gpu).links.at(link));
                    return kNvmlSuccess;
                },
            .linkEndType =
                [](Nvml::Handle gpu, unsigned link, int* type) {
                    const int end = at(gpu).links.at(link);
                    *type = end == kSwitch ? kNvmlLinkToSwitch : end == kNobody ? 1 : 0;
                    return kNvmlSuccess;
                },
            .library = nullptr};
}

std::vector<std::string> namesUnder(const char* visible)
{
    const GpuInventory inventory(fake(), visible != nullptr ? std::optional<std::string>(visible) : std::nullopt);
    std::vector<std::string> names;
    for (const plan::Gpu& gpu : inventory.facts().gpus) {
        if (gpu.index != names.size())
            return {"counted wrongly"};
        names.push_back(gpu.name);
    }
    return names;
}

using Names = std::vector<std::string>;

/// "0-2 x4, 2-0 x4": from each GPU to each other by so many links, "~" through a switch; "?" where nothing is known.
std::string linksUnder(Nvml nvml, std::optional<std::string> visible = std::nullopt)
{
    const GpuInventory inventory(std::move(nvml), std::move(visible));
    std::string text;
    for (const plan::Gpu& gpu : inventory.facts().gpus) {
        if (!gpu.nvlinksKnown)
            text += std::to_string(gpu.index) + "? ";
        for (const plan::NvLinks& links : gpu.nvlinks)
            text += std::to_string(gpu.index) + "-" + std::to_string(links.device) + (links.throughSwitch ? "~" : "x") +
                    std::to_string(links.links) + " ";
    }
    return text.substr(0, text.size() - (text.empty() ? 0 : 1));
}

} // namespace

class TstGpuInventory final : public QObject {
    Q_OBJECT
private slots:
    void init()
    {
        m_driver = std::make_unique<Driver>();
        driver = m_driver.get();
    }

    void aGpuIsDescribed()
    {
        {
            const GpuInventory inventory(fake(), std::nullopt);
            const GpuFacts& facts = inventory.facts();
            QVERIFY(!facts.failure);
            QCOMPARE(facts.driver, std::string("580.65.06"));
            QCOMPARE(facts.driverCuda, 13'000);
            QCOMPARE(facts.gpus.size(), std::size_t(1));
            const plan::Gpu& gpu = facts.gpus.front();
            QCOMPARE(gpu.text(), std::string("cuda:0 (NVIDIA H100 80GB HBM3)"));
            QCOMPARE(gpu.uuid, std::string("GPU-aaaa1111"));
            QCOMPARE(gpu.capabilityMajor, 9);
            QCOMPARE(gpu.processors, 132);
            QCOMPARE(gpu.memoryTotal, std::uint64_t{80 * kGiB});
            QCOMPARE(gpu.memoryFree, std::uint64_t{79 * kGiB});
            QVERIFY(gpu.problem.empty());
        }
        QCOMPARE(driver->shutdowns.load(), 1);
    }

    void processorsFollowFromTheCores_data()
    {
        QTest::addColumn<int>("major");
        QTest::addColumn<int>("minor");
        QTest::addColumn<unsigned>("cores");
        QTest::addColumn<int>("processors");
        QTest::newRow("RTX 2080 Ti") << 7 << 5 << 4'352U << 68;
        QTest::newRow("A100") << 8 << 0 << 6'912U << 108;
        QTest::newRow("RTX 3090") << 8 << 6 << 10'496U << 82;
        QTest::newRow("RTX 4090") << 8 << 9 << 16'384U << 128;
        QTest::newRow("H200") << 9 << 0 << 16'896U << 132;
        QTest::newRow("RTX 5090") << 12 << 0 << 21'760U << 170;
        QTest::newRow("not told: more than any has") << 9 << 0 << 0U << 192;
    }
    void processorsFollowFromTheCores()
    {
        QFETCH(int, major);
        QFETCH(int, minor);
        QFETCH(unsigned, cores);
        driver->gpus = {FakeGpu{.major = major, .minor = minor, .cores = cores}};
        QTEST(GpuInventory(fake(), std::nullopt).facts().gpus.front().processors, "processors");
    }

    void withoutADriverThereIsNothingToSay()
    {
        const GpuInventory absent(std::nullopt, std::nullopt);
        QVERIFY(absent.facts().gpus.empty() && !absent.facts().failure);
        QVERIFY(!absent.memory(0, 1));
        driver->begins = kNvmlDriverNotLoaded;
        const GpuInventory asleep(fake(), std::nullopt);
        QVERIFY(asleep.facts().gpus.empty() && !asleep.facts().failure);
    }
    void aDriverThatFailsIsQuoted()
    {
        driver->begins = 18;
        const GpuInventory inventory(fake(), std::nullopt);
        QVERIFY(inventory.facts().failure);
        QCOMPARE(inventory.facts().failure->cause, std::string("the NVIDIA driver cannot start: Driver/library version "
                                                               "mismatch (NVML error 18)"));
        QVERIFY(inventory.facts().failure->remedy.find("restart the computer") != std::string::npos);
        QCOMPARE(driver->shutdowns.load(), 0); // what never began
    }
    void oneBadGpuDoesNotHideTheOthers()
    {
        driver->gpus = {FakeGpu{.opens = 15}, FakeGpu{.name = "NVIDIA Mute", .tellsMemory = 3},
                        FakeGpu{.name = "NVIDIA Split", .mig = 1}, FakeGpu{.name = "NVIDIA Good"}};
        const GpuInventory inventory(fake(), std::nullopt);
        const std::vector<plan::Gpu>& gpus = inventory.facts().gpus;
        QCOMPARE(gpus.size(), std::size_t(4));
        QCOMPARE(english(gpus[0].problem), std::string("cannot be opened: Bad (NVML error 15)"));
        QCOMPARE(english(gpus[1].problem), std::string("does not tell its memory: Bad (NVML error 3)"));
        QVERIFY(english(gpus[2].problem).find("MIG") != std::string::npos);
        QVERIFY(gpus[3].problem.empty());
        QCOMPARE(gpus[3].index, 3U);
    }

    void whatIsVisibleIsCountedAsCudaCounts()
    {
        driver->gpus = {FakeGpu{.name = "zero", .uuid = "GPU-aaaa"}, FakeGpu{.name = "one", .uuid = "GPU-abcd"},
                        FakeGpu{.name = "two", .uuid = "GPU-ffff"}};
        QCOMPARE(namesUnder(nullptr), (Names{"zero", "one", "two"}));
        QCOMPARE(namesUnder("2,0"), (Names{"two", "zero"}));
        QCOMPARE(namesUnder(" 1 , 2 "), (Names{"one", "two"}));
        QCOMPARE(namesUnder("GPU-ab"), Names{"one"});
        QCOMPARE(namesUnder("GPU-ffff,0"), (Names{"two", "zero"}));
        QCOMPARE(namesUnder("0,7,1"), Names{"zero"}); // the list ends at the first that is not there
        QCOMPARE(namesUnder("1,1"), Names{"one"});
        QCOMPARE(namesUnder("-1"), Names{});
        QCOMPARE(namesUnder(""), Names{});
        QCOMPARE(namesUnder("MIG-GPU-aaaa/1/0"), Names{});
    }
    void memoryIsThatOfTheVisibleGpu()
    {
        driver->gpus = {FakeGpu{.memory = {10 * kGiB, 9 * kGiB, kGiB}},
                        FakeGpu{.memory = {20 * kGiB, 5 * kGiB, 15 * kGiB}}};
        const GpuInventory inventory(fake(), "1");
        driver->gpus[1].memory.free = 4 * kGiB; // since it was described
        const auto memory = inventory.memory(0, 0);
        QVERIFY(memory);
        QCOMPARE(memory->total, std::uint64_t{20 * kGiB});
        QCOMPARE(memory->free, std::uint64_t{4 * kGiB});
        QVERIFY(!memory->ofProcess);
        QVERIFY(!inventory.memory(1, 0));
        driver->gpus[1].tellsMemory = 999;
        QVERIFY(!inventory.memory(0, 0));
    }
    void theExecutorsShareIsFoundByItsProcess()
    {
        const GpuInventory inventory(fake(), std::nullopt);
        driver->processes = {{.pid = 41, .usedBytes = 7}, {.pid = 42, .usedBytes = 3 * kGiB}};
        QCOMPARE(inventory.memory(0, 42)->ofProcess, std::optional<std::uint64_t>(3 * kGiB));
        QVERIFY(!inventory.memory(0, 43)->ofProcess);
        driver->processes[1].usedBytes = ~0ULL; // how the driver says that it does not know
        QVERIFY(!inventory.memory(0, 42)->ofProcess);
    }

    void linksBetweenCardsAreCounted()
    {
        driver->gpus = {FakeGpu{.links = {2, 2}}, FakeGpu{.links = {3, 3, 3, 3}}, FakeGpu{.links = {0, 0}},
                        FakeGpu{.links = {1, 1, 1, 1}}};
        QCOMPARE(linksUnder(fake()), std::string("0-2x2 1-3x4 2-0x2 3-1x4"));
        QCOMPARE(linksUnder(fake(), "3,1,0"), std::string("0-1x4 1-0x4")); // as CUDA counts what it shows
        driver->gpus = {FakeGpu{}, FakeGpu{}};
        QCOMPARE(linksUnder(fake()), std::string()); // known: none
    }
    void aSwitchJoinsAllThatHaveLinksToIt()
    {
        driver->gpus = {FakeGpu{.links = std::vector<int>(18, kSwitch)},
                        FakeGpu{.links = std::vector<int>(17, kSwitch)},
                        FakeGpu{.links = std::vector<int>(18, kSwitch)}, FakeGpu{}};
        QCOMPARE(linksUnder(fake()), std::string("0-1~17 0-2~18 1-0~17 1-2~17 2-0~18 2-1~17"));
    }
    void aLinkNeedsTwoEnds()
    {
        driver->gpus = {FakeGpu{.links = {1, kDown, kNobody, 0}}, FakeGpu{.links = {0, 0}}, FakeGpu{.links = {0}}};
        QCOMPARE(linksUnder(fake()), std::string("0-1x1 1-0x1"));
        driver->gpus[1].tellsPlace = 3; // nothing can be seen to end at it
        QCOMPARE(linksUnder(fake()), std::string("1?"));
    }
    void olderDriversTellLess()
    {
        driver->gpus = {FakeGpu{.links = {1, kSwitch}}, FakeGpu{.links = {0, kSwitch}}};
        Nvml nvml = fake();
        nvml.linkEndType = nullptr; // a switch is then no GPU that is known
        QCOMPARE(linksUnder(nvml), std::string("0-1x1 1-0x1"));
        nvml.linkState = nullptr;
        QCOMPARE(linksUnder(nvml), std::string("0? 1?"));
    }

    void theWatchReadsWhatItFollows()
    {
        GpuWatch watch([] { return std::optional(fake()); });
        QVERIFY(!watch.latest(0));
        const GpuFacts facts = watch.find(Deadline::in(Milliseconds(5'000)));
        QCOMPARE(facts.gpus.size(), std::size_t(1));
        const int described = driver->readings;
        QTest::qWait(50);
        QCOMPARE(driver->readings.load(), described); // nobody asked yet
        driver->processes = {{.pid = 42, .usedBytes = 5}};
        watch.setProcess(42);
        watch.follow({0});
        QTRY_VERIFY(watch.latest(0));
        QCOMPARE(watch.latest(0)->free, std::uint64_t{79 * kGiB});
        QCOMPARE(watch.latest(0)->ofProcess, std::optional<std::uint64_t>(5));
        QTRY_VERIFY_WITH_TIMEOUT(driver->readings > described + 1, 3'000);
        watch.stop(Deadline::in(Milliseconds(5'000)));
        QCOMPARE(driver->shutdowns.load(), 1);
    }
    void aDriverThatHangsHoldsUpNobody()
    {
        driver->hangs = true;
        QElapsedTimer timer;
        timer.start();
        {
            GpuWatch watch([] { return std::optional(fake()); });
            const GpuFacts facts = watch.find(Deadline::in(Milliseconds(100)));
            QVERIFY(facts.failure);
            QCOMPARE(facts.failure->code, ErrorCode::Timeout);
            QVERIFY(facts.failure->cause.find("has not answered") != std::string::npos);
            watch.follow({0});
            QVERIFY(!watch.latest(0));
            watch.stop(Deadline::in(Milliseconds(50)));
        }
        QVERIFY(timer.elapsed() < 3'000);
        {
            const std::scoped_lock lock(driver->mutex);
            driver->hangs = false;
            driver->answers.notify_all();
        }
        QTRY_COMPARE(driver->shutdowns.load(), 1); // the thread that was left behind found its way out
    }

private:
    std::unique_ptr<Driver> m_driver;
};

QTEST_GUILESS_MAIN(TstGpuInventory)
#include "tst_gpu_inventory.moc"
