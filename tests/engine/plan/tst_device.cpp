// Which device a model is put on, and the words when the one that was asked for cannot be had.

#include "engine/plan/device.h"

#include <QtTest>

using namespace argus;
using namespace argus::plan;

namespace {

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

Gpu gpu(std::uint32_t index, const char* name, int major, int minor, std::uint64_t freeGib)
{
    Gpu card;
    card.index = index;
    card.name = name;
    card.capabilityMajor = major;
    card.capabilityMinor = minor;
    card.memoryTotal = 80 * kGiB;
    card.memoryFree = freeGib * kGiB;
    return card;
}

/// Two good cards and an old one, everything in order.
Devices workstation()
{
    return {.hostMemoryFree = 32 * kGiB,
            .cudaInstalled = true,
            .cudaNeeded = 13,
            .driverCuda = 13'000,
            .driver = "580.65.06",
            .gpus = {gpu(0, "NVIDIA A", 8, 9, 20), gpu(1, "NVIDIA B", 9, 0, 70), gpu(2, "NVIDIA Old", 6, 1, 79)},
            .failure = {}};
}

} // namespace

class TstDevice final : public QObject {
    Q_OBJECT
private slots:
    void autoTakesTheGpuWithMostFreeMemory()
    {
        const auto chosen = chooseDevice("auto", workstation());
        QVERIFY(chosen.ok());
        QCOMPARE(chosen->name(), std::string("cuda:1"));
        QCOMPARE(std::string(chosen->kind()), std::string("cuda"));
        QCOMPARE(chosen->hostMemoryFree, 32 * kGiB);
        Devices busy = workstation();
        busy.gpus[1].memoryFree = kGiB;
        QCOMPARE(chooseDevice("", busy)->name(), std::string("cuda:0"));
    }
    void theOneAskedForIsTaken()
    {
        QCOMPARE(chooseDevice("cuda:0", workstation())->gpu->name, std::string("NVIDIA A"));
        const auto cpu = chooseDevice("cpu", workstation());
        QVERIFY(!cpu->gpu);
        QCOMPARE(cpu->name(), std::string("cpu"));
        QCOMPARE(std::string(cpu->kind()), std::string("cpu"));
    }

    void withoutAUsableGpuAutoTakesTheCpuAndAnOrderIsRefused_data()
    {
        QTest::addColumn<Devices>("devices");
        QTest::addColumn<QString>("cause");
        QTest::addColumn<QString>("remedy");
        Devices devices = workstation();
        devices.cudaInstalled = false;
        QTest::newRow("a CPU release") << devices
                                       << "device cuda:0: argus-executor-cuda is not installed beside argus-node"
                                       << "install Argus with CUDA, or compute on the CPU with --device cpu";
        devices = workstation();
        devices.gpus.clear();
        QTest::newRow("no GPU") << devices << "device cuda:0: this computer shows no NVIDIA GPU"
                                << "see whether nvidia-smi lists it and CUDA_VISIBLE_DEVICES leaves it visible, or "
                                   "compute on the CPU with --device cpu";
        devices = workstation();
        devices.driverCuda = 12'040;
        devices.driver = "550.54.14";
        QTest::newRow("an old driver") << devices
                                       << "device cuda:0: the NVIDIA driver 550.54.14 knows CUDA 12.4, but "
                                          "argus-executor-cuda is built with CUDA 13"
                                       << "update the driver to 580 or newer, or compute on the CPU with --device cpu";
        devices = workstation();
        devices.gpus.clear();
        devices.failure = Error{ErrorCode::Io, "the driver fails", "mend it", {}};
        QTest::newRow("a broken driver") << devices << "device cuda:0: the driver fails"
                                         << "mend it, or compute on the CPU with --device cpu";
        devices = workstation();
        devices.gpus = {gpu(0, "NVIDIA Old", 6, 1, 70)};
        QTest::newRow("an old GPU") << devices
                                    << "cuda:0 (NVIDIA Old) has compute capability 6.1, but 7.5 or newer is needed"
                                    << "use a newer GPU, or compute on the CPU with --device cpu";
        devices = workstation();
        devices.gpus = {gpu(0, "NVIDIA Split", 9, 0, 70)};
        devices.gpus[0].problem = "is divided";
        QTest::newRow("a divided GPU") << devices << "cuda:0 (NVIDIA Split) is divided"
                                       << "use another GPU, or compute on the CPU with --device cpu";
    }
    void withoutAUsableGpuAutoTakesTheCpuAndAnOrderIsRefused()
    {
        QFETCH(Devices, devices);
        QFETCH(QString, cause);
        QFETCH(QString, remedy);
        const auto automatic = chooseDevice("auto", devices);
        QVERIFY(automatic.ok());
        QVERIFY(!automatic->gpu);
        QVERIFY(gpuProblem(devices));
        const auto ordered = chooseDevice("cuda:0", devices);
        QVERIFY(!ordered.ok());
        QCOMPARE(QString::fromStdString(ordered.error().cause), cause);
        QCOMPARE(QString::fromStdString(ordered.error().remedy), remedy);
        QCOMPARE(ordered.error().setting, std::string("device"));
        QVERIFY(chooseDevice("cpu", devices).ok()); // the remedy
    }

    void aGpuThatIsNotThereIsToldFromThoseThatAre()
    {
        const auto refused = chooseDevice("cuda:7", workstation());
        QVERIFY(!refused.ok());
        QCOMPARE(refused.error().code, ErrorCode::NotFound);
        QCOMPARE(refused.error().cause, std::string("there is no cuda:7; this computer has cuda:0 (NVIDIA A), cuda:1 "
                                                    "(NVIDIA B), cuda:2 (NVIDIA Old)"));
        QCOMPARE(refused.error().remedy, std::string("use cuda:0 to cuda:2, or compute on the CPU with --device cpu"));
    }
    void oneUsableGpuIsEnough()
    {
        QVERIFY(!gpuProblem(workstation()));
        QVERIFY(!chooseDevice("cuda:2", workstation()).ok());
    }
    void aDriverThatDoesNotTellItsReleaseIsTried()
    {
        Devices devices = workstation();
        devices.driverCuda = 0;
        QVERIFY(chooseDevice("cuda:1", devices).ok());
    }
};

QTEST_GUILESS_MAIN(TstDevice)
#include "tst_device.moc"
