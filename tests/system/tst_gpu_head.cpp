// A head that chooses a GPU: real processes, with a driver and an executor that only pretend.

#include "tests/system/running_head.h"

#include <QDir>
#include <QtTest>

using namespace argus::tests;
using Json = nlohmann::json;

namespace {

constexpr const char* kTwoCards = "NVIDIA RTX 2080 Ti|7.5|11|10;NVIDIA H100 80GB HBM3|9.0|80|79";

} // namespace

class TstGpuHead final : public QObject {
    Q_OBJECT
private slots:
    void initTestCase()
    {
        QVERIFY(m_folder.isValid());
        const QString built = ARGUS_BINARY_DIR "/bin/";
        for (const char* program : {"argus-node", "argus-executor-cpu", "argus-decoder", "argus-decoder-av"})
            QVERIFY2(QFile::copy(built + program, at(program)), program);
        qputenv("LD_LIBRARY_PATH", ARGUS_PRETEND_FOLDER);
        qputenv("ARGUS_RESOURCES", ARGUS_SOURCE_DIR "/resources");
        qputenv("ARGUS_PRETEND_ORDER", at("order.json").toUtf8());
    }
    void init()
    {
        QFile::remove(at("argus-executor-cuda"));
        QVERIFY(QFile::copy(ARGUS_PRETEND_FOLDER "/argus-executor-cuda", at("argus-executor-cuda")));
        QFile::remove(at("order.json"));
        qputenv("ARGUS_PRETEND_GPUS", kTwoCards);
        qputenv("CUDA_VISIBLE_DEVICES", "0,1");
        for (const char* name : {"ARGUS_PRETEND_CUDA", "ARGUS_PRETEND_EXECUTOR", "ARGUS_PRETEND_NVLINK"})
            qunsetenv(name);
    }

    void withoutAWordTheEmptiestGpuIsTaken()
    {
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start(), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 20'000));
        const Json status = head.status();
        QCOMPARE(status["deployment"]["dtype"].get<std::string>(), std::string("bfloat16"));
        const Json device = usedDevice(status);
        QCOMPARE(device["kind"].get<std::string>(), std::string("cuda"));
        QCOMPARE(device["name"].get<std::string>(), std::string("NVIDIA H100 80GB HBM3"));
        QCOMPARE(device["memory_total"].get<std::uint64_t>(), std::uint64_t{80} << 30);
        QCOMPARE(device["memory_free"].get<std::uint64_t>(), std::uint64_t{79} << 30);
        QCOMPARE(device["weights_bytes"].get<std::uint64_t>(), std::uint64_t{1'000});
        QCOMPARE(device["runtime_bytes"].get<std::uint64_t>(), std::uint64_t{200});
        QCOMPARE(device["kv_reserved_bytes"].get<std::uint64_t>(), std::uint64_t{30});
        QVERIFY(QString::fromStdString(head.run({"status"}).out).contains("NVIDIA H100 80GB HBM3"));

        const Json order = lastOrder();
        QCOMPARE(order["device_index"].get<int>(), 1);
        QCOMPARE(order["dtype"].get<std::string>(), std::string("bfloat16"));
        QCOMPARE(order["kv_block_tokens"].get<int>(), 64);
        QCOMPARE(order["max_num_seqs"].get<int>(), 64);
        QCOMPARE(order["max_batched_tokens"].get<int>(), 8'192);
        QVERIFY(order["max_vision_patches"].get<int>() > 0);
        QVERIFY(order["device_bytes"].get<std::uint64_t>() > 0);
        QVERIFY(order["device_bytes"].get<std::uint64_t>() < std::uint64_t{80} << 30);
        QCOMPARE(order["CUDA_DEVICE_ORDER"].get<std::string>(), std::string("PCI_BUS_ID"));
        QCOMPARE(order["CUDA_MODULE_LOADING"].get<std::string>(), std::string("LAZY"));
        QCOMPARE(head.run({"stop"}).code, 0);
    }
    void theGpuAskedForIsTaken()
    {
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start({"--device", "cuda:0"}), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 20'000));
        QCOMPARE(lastOrder()["device_index"].get<int>(), 0);
        QCOMPARE(lastOrder()["dtype"].get<std::string>(), std::string("float16"));
        QCOMPARE(lastOrder()["max_batched_tokens"].get<int>(), 2'048);
    }
    void whatTheUserHidesStaysHidden()
    {
        qputenv("CUDA_VISIBLE_DEVICES", "1");
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start({"--device", "cuda:0"}), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 20'000));
        QCOMPARE(head.status()["nodes"][0]["devices"][0]["name"].get<std::string>(),
                 std::string("NVIDIA H100 80GB HBM3"));
        QCOMPARE(lastOrder()["device_index"].get<int>(), 0); // of those that CUDA will count
        QCOMPARE(lastOrder()["CUDA_VISIBLE_DEVICES"].get<std::string>(), std::string("1"));
    }
    /// Four cards of which NVLink joins two and two: the plan takes a pair, and plan and status say what joins it.
    void cardsThatNvLinkJoinsComputeTogether()
    {
        qputenv("ARGUS_PRETEND_GPUS", "NVIDIA A|8.0|40|39;NVIDIA B|8.0|40|39;NVIDIA C|8.0|40|39;NVIDIA D|8.0|40|39");
        qputenv("ARGUS_PRETEND_NVLINK", "0-2;1-3");
        qputenv("CUDA_VISIBLE_DEVICES", "0,1,2,3");
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start(), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 20'000));
        const QStringList both{"deploy", "--dry-run", "--tensor-parallel-size", "2", "--pipeline-parallel-size", "1"};
        const auto saidOf = [&](const QStringList& more) { return QString::fromStdString(head.run(both + more).out); };
        const QString linked = saidOf({});
        QVERIFY2(linked.contains("stage 0: its 2 ranks are joined by NVLink ×2"), qPrintable(linked));
        QVERIFY2(linked.contains("cuda:0") && linked.contains("cuda:2") && !linked.contains("cuda:1"),
                 qPrintable(linked));
    }
    void theCpuCanBeAskedFor()
    {
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start({"--device", "cpu"}), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "ready"; }, 20'000));
        QCOMPARE(kindOf(head), std::string("cpu"));
        QCOMPARE(head.status()["deployment"]["dtype"].get<std::string>(), std::string("float32"));
        QVERIFY(!QFile::exists(at("order.json")));
    }

    void whereNoGpuServesTheCpuDoes_data()
    {
        QTest::addColumn<QByteArray>("gpus");
        QTest::addColumn<QByteArray>("cuda");
        QTest::addColumn<bool>("installed");
        QTest::newRow("a CPU release") << QByteArray(kTwoCards) << QByteArray("99000") << false;
        QTest::newRow("an old driver") << QByteArray(kTwoCards) << QByteArray("10020") << true;
        QTest::newRow("an old card") << QByteArray("NVIDIA GTX 1080|6.1|8|8") << QByteArray("99000") << true;
        QTest::newRow("no card") << QByteArray() << QByteArray("99000") << true;
    }
    void whereNoGpuServesTheCpuDoes()
    {
        QFETCH(QByteArray, gpus);
        QFETCH(QByteArray, cuda);
        QFETCH(bool, installed);
        qputenv("ARGUS_PRETEND_GPUS", gpus);
        qputenv("ARGUS_PRETEND_CUDA", cuda);
        if (!installed)
            QVERIFY(QFile::remove(at("argus-executor-cuda")));
        const RunningHead nobody(at("argus-node"));
        const Ran answered = nobody.ask({"Hello!"});
        QVERIFY2(answered.code == 0, answered.err.c_str());
        const Ran ordered = nobody.ask({"--device", "cuda:0", "Hello!"});
        QCOMPARE(ordered.code, 1);
        const Json error = ordered.json()["error"];
        QCOMPARE(error["setting"].get<std::string>(), std::string("device"));
        QVERIFY2(QString::fromStdString(error["remedy"].get<std::string>()).endsWith("--device cpu"),
                 error.dump().c_str());
        QCOMPARE(nobody.ask({"--device", "cpu", "Hello!"}).code, 0); // the remedy
    }

    void anExecutorThatCannotSaysSoAndNamesTheWayOut_data()
    {
        QTest::addColumn<QByteArray>("executor");
        QTest::addColumn<QString>("cause");
        QTest::addColumn<QString>("remedy");
        QTest::newRow("refuses") << QByteArray("refuses") << "the GPU has fallen off the bus"
                                 << "restart the computer, or compute on the CPU with --device cpu";
        QTest::newRow("lacks a library")
            << QByteArray("lacks a library") << "argus-executor-cuda cannot start: a library that it needs is missing"
            << "install the library that the node's log names, or compute on the CPU with --device cpu";
    }
    void anExecutorThatCannotSaysSoAndNamesTheWayOut()
    {
        QFETCH(QByteArray, executor);
        QFETCH(QString, cause);
        QFETCH(QString, remedy);
        qputenv("ARGUS_PRETEND_EXECUTOR", executor);
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start(), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "failed"; }, 20'000));
        const Json error = head.status()["deployment"]["error"];
        QCOMPARE(QString::fromStdString(error["cause"].get<std::string>()), cause);
        QCOMPARE(QString::fromStdString(error["remedy"].get<std::string>()), remedy);
        QCOMPARE(kindOf(head), std::string("cuda")); // not silently another one
    }

    void weightsNeedNotExistToBeInvented()
    {
        const QString model = at("model");
        QVERIFY(QDir().mkpath(model));
        for (const char* file : {"config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.json"})
            QFile::copy(QString(ARGUS_SOURCE_DIR "/resources/demo-model/") + file, model + '/' + file);
        const QStringList settings{"--model", model, "--load-format", "dummy"};
        {
            RunningHead head(at("argus-node"));
            QVERIFY2(head.start(settings), qPrintable(head.startError));
            QVERIFY2(eventually([&] { return head.deploymentState() == "ready"; }, 20'000),
                     head.status().dump().c_str());
        }
        RunningHead head(at("argus-node"));
        QVERIFY2(head.start(settings + QStringList{"--device", "cpu"}), qPrintable(head.startError));
        QVERIFY(eventually([&] { return head.deploymentState() == "failed"; }, 20'000));
        QCOMPARE(head.status()["deployment"]["error"]["setting"].get<std::string>(), std::string("load_format"));
    }

private:
    [[nodiscard]] QString at(const QString& file) const { return m_folder.filePath(file); }
    [[nodiscard]] Json lastOrder() const
    {
        QFile file(at("order.json"));
        return file.open(QIODevice::ReadOnly) ? Json::parse(file.readAll().toStdString(), nullptr, false) : Json();
    }
    /// The device that has the one rank; the machine's first before there is one.
    static Json usedDevice(const Json& status)
    {
        const Json& devices = status["nodes"][0]["devices"];
        for (const Json& device : devices)
            if (device.contains("rank"))
                return device;
        return devices[0];
    }
    static std::string kindOf(const RunningHead& head) { return usedDevice(head.status())["kind"].get<std::string>(); }
    QTemporaryDir m_folder;
};

QTEST_GUILESS_MAIN(TstGpuHead)
#include "tst_gpu_head.moc"
