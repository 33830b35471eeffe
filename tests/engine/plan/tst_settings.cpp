// The table of settings, and settings made whole.

#include "engine/plan/complete_settings.h"
#include "engine/plan/setting_table.h"

#include <QtTest>

#include <fstream>
#include <limits>
#include <regex>
#include <set>
#include <sstream>

using namespace argus;
using namespace argus::plan;

namespace {

Device cpu()
{
    return {.gpu = {}, .hostMemoryFree = std::uint64_t{16} << 30};
}
Device gpu(int major, int minor, std::uint64_t memory = 80'000'000'000)
{
    Gpu card;
    card.index = 1;
    card.name = "NVIDIA Card";
    card.capabilityMajor = major;
    card.capabilityMinor = minor;
    card.memoryTotal = memory;
    return {.gpu = card, .hostMemoryFree = 0};
}

} // namespace

class TstSettings : public QObject {
    Q_OBJECT
private slots:
    void everyFieldHasARow();
    void rowsReadWhatTheyWrite();
    void defaultsAreDocumented();
    void chosenValuesStay();
    void valuesOutsideTheirRangeAreRefused_data();
    void valuesOutsideTheirRangeAreRefused();
    void severalDevicesAreSettledForAll();
    void aDeviceIsNamed_data();
    void aDeviceIsNamed();
    void halfPrecisionOnACpuIsRefused();
    void theDeviceDecidesTheNumberFormat_data();
    void theDeviceDecidesTheNumberFormat();
    void bfloat16NeedsItsHardware();
    void theDeviceDecidesHowMuchAtOnce();
    void weightsAreInventedOnGpusOnly();
    void whatIsSettledStays();
    void aStepServesEverySequence();
    void textBecomesAValue();
    void badTextIsRefused_data();
    void badTextIsRefused();
};

void TstSettings::everyFieldHasARow()
{
    std::ifstream file(ARGUS_SOURCE_DIR "/engine/protocol/settings.proto");
    std::stringstream text;
    text << file.rdbuf();
    std::string proto = text.str();
    proto.resize(proto.find("message NodeSettings")); // those belong to a node, not to the form
    std::set<std::string> fields;
    const std::regex pattern(R"((string|uint32|uint64|double|bool) (\w+) = \d+;)");
    for (std::sregex_iterator match(proto.begin(), proto.end(), pattern), end; match != end; ++match)
        fields.insert((*match)[2]);
    QVERIFY(fields.size() >= 18);
    std::set<std::string> rows;
    for (const Setting& setting : settingTable()) {
        QVERIFY2(rows.insert(std::string(setting.name)).second, setting.name.data());
        QVERIFY(!setting.help.empty() && setting.help.ends_with('.'));
    }
    QVERIFY(rows == fields);
}

void TstSettings::rowsReadWhatTheyWrite()
{
    for (const Setting& setting : settingTable()) {
        wire::EngineSettings settings;
        SettingValue value = setting.standard;
        if (setting.kind == SettingKind::Switch)
            value = true;
        else if (setting.kind == SettingKind::Folder || setting.kind == SettingKind::Device ||
                 setting.kind == SettingKind::Text)
            value = std::string("folder");
        else if (setting.kind == SettingKind::Share)
            value = setting.highest;
        else if (setting.kind != SettingKind::Choice)
            value = static_cast<std::uint64_t>(setting.highest);
        setting.set(settings, value);
        QVERIFY2(setting.get(settings) == value, setting.name.data());
        int changed = 0; // and no other row
        for (const Setting& other : settingTable())
            changed += other.get(settings) != other.get(wire::EngineSettings()) ? 1 : 0;
        QCOMPARE(changed, 1);
    }
}

void TstSettings::defaultsAreDocumented()
{
    const auto whole = completed({});
    QVERIFY(whole.ok());
    QCOMPARE(whole->tensor_parallel_size(), 1U);
    QCOMPARE(whole->pipeline_parallel_size(), 1U);
    QCOMPARE(whole->dtype(), std::string("auto"));
    QCOMPARE(whole->gpu_memory_utilization(), 0.9);
    QCOMPARE(whole->max_model_len(), 0U);
    QCOMPARE(whole->device(), std::string("auto"));
    QCOMPARE(whole->max_num_seqs(), 0U); // the device decides
    QCOMPARE(whole->enforce_eager(), false);
    QCOMPARE(whole->max_images(), 10U);
    QCOMPARE(whole->max_videos(), 4U);
    QCOMPARE(whole->load_format(), std::string("auto"));
    QCOMPARE(whole->quantization(), std::string("auto"));
    QCOMPARE(whole->position_variant(), std::string("A"));
    QCOMPARE(whole->threads(), 0U);
    QCOMPARE(whole->max_image_pixels(), std::uint64_t{64'000'000});
    QCOMPARE(whole->max_video_seconds(), 3600U);
    QCOMPARE(whole->max_upload_bytes(), std::uint64_t{2} << 30);
    QCOMPARE(whole->max_batched_tokens(), 0U); // the device decides
}

void TstSettings::chosenValuesStay()
{
    wire::EngineSettings settings;
    settings.set_model("/models/one");
    settings.set_max_model_len(4096);
    settings.set_max_num_seqs(3);
    settings.set_position_variant("C");
    settings.set_enforce_eager(true);
    const auto whole = completed(settings);
    QVERIFY(whole.ok());
    QCOMPARE(whole->model(), std::string("/models/one"));
    QCOMPARE(whole->max_model_len(), 4096U);
    QCOMPARE(whole->max_num_seqs(), 3U);
    QCOMPARE(whole->position_variant(), std::string("C"));
    QCOMPARE(whole->enforce_eager(), true);
    const auto again = completed(*whole);
    QVERIFY(again.ok());
    QCOMPARE(again->SerializeAsString(), whole->SerializeAsString());
}

void TstSettings::valuesOutsideTheirRangeAreRefused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("cause");
    QTest::newRow("too many sequences") << "max_num_seqs"
                                        << "max_num_seqs is 5000, allowed is 1 to 256";
    QTest::newRow("share above one") << "gpu_memory_utilization"
                                     << "gpu_memory_utilization is 1.5, allowed is 0.05 to 1";
    QTest::newRow("share that is no number") << "gpu_memory_utilization"
                                             << "gpu_memory_utilization is nan, allowed is 0.05 to 1";
    QTest::newRow("unknown dtype") << "dtype"
                                   << "dtype is \"int3\", allowed is auto, bfloat16, float16, float32";
    QTest::newRow("unknown device") << "device"
                                    << "device is \"gpu\", allowed is auto, cpu, cuda:0, cuda:1, ...";
    QTest::newRow("unknown variant") << "position_variant"
                                     << "position_variant is \"D\", allowed is A, B, C";
    QTest::newRow("tiny context") << "max_model_len"
                                  << "max_model_len is 3, allowed is 16 to 1048576";
}

void TstSettings::valuesOutsideTheirRangeAreRefused()
{
    QFETCH(QString, name);
    QFETCH(QString, cause);
    const Setting* const setting = findSetting(name.toStdString());
    QVERIFY(setting != nullptr);
    wire::EngineSettings settings;
    const std::string text = cause.section(' ', 2, 2).remove(',').remove('"').toStdString();
    if (setting->kind == SettingKind::Choice || setting->kind == SettingKind::Device)
        setting->set(settings, text);
    else if (setting->kind == SettingKind::Share)
        setting->set(settings, text == "nan" ? std::numeric_limits<double>::quiet_NaN() : std::stod(text));
    else
        setting->set(settings, std::uint64_t{std::stoul(text)});
    const auto whole = completed(settings);
    QVERIFY(!whole.ok());
    QCOMPARE(whole.error().code, ErrorCode::BadRequest);
    QCOMPARE(QString::fromStdString(whole.error().cause), cause);
    QCOMPARE(whole.error().setting, name.toStdString());
    QVERIFY(whole.error().remedy.starts_with("use "));
}

void TstSettings::severalDevicesAreSettledForAll()
{
    wire::EngineSettings settings;
    settings.set_tensor_parallel_size(2);
    settings.set_pipeline_parallel_size(4);
    QVERIFY(completed(settings).ok());

    std::vector<Device> devices(2, Device{.gpu = Gpu{}, .hostMemoryFree = 0});
    devices[0].gpu->capabilityMajor = 9;
    devices[0].gpu->memoryTotal = 80'000'000'000;
    devices[1].gpu->capabilityMajor = 7;
    devices[1].gpu->capabilityMinor = 5;
    devices[1].gpu->name = "NVIDIA Turing";
    devices[1].gpu->memoryTotal = 11'000'000'000;
    auto whole = settled(settings, devices);
    QVERIFY(whole.ok());
    QCOMPARE(whole->dtype(), std::string("float16")); // what both compute with
    QCOMPARE(whole->max_batched_tokens(), 2048U);     // what the smaller one is asked for
    QCOMPARE(whole->device(), std::string("auto"));
    QCOMPARE(dtypesOf(devices), (std::vector<std::string>{"auto", "float16", "float32"}));
    settings.set_dtype("bfloat16");
    whole = settled(settings, devices);
    QVERIFY(!whole.ok());
    QVERIFY2(whole.error().cause.find("NVIDIA Turing") != std::string::npos, whole.error().cause.c_str());

    const std::vector<Device> parts(3, Device{.gpu = {}, .hostMemoryFree = 1});
    settings.clear_dtype();
    whole = settled(settings, parts);
    QVERIFY(whole.ok());
    QCOMPARE(whole->device(), std::string("cpu"));
    QCOMPARE(whole->dtype(), std::string("float32"));
}

void TstSettings::aDeviceIsNamed_data()
{
    QTest::addColumn<QString>("text");
    QTest::addColumn<int>("index"); // -1: no GPU, -2: refused
    QTest::newRow("auto") << "auto" << -1;
    QTest::newRow("the CPU") << "cpu" << -1;
    QTest::newRow("first GPU") << "cuda:0" << 0;
    QTest::newRow("twelfth GPU") << "cuda:11" << 11;
    QTest::newRow("no number") << "cuda:" << -2;
    QTest::newRow("no colon") << "cuda0" << -2;
    QTest::newRow("more than a number") << "cuda:0x" << -2;
    QTest::newRow("negative") << "cuda:-1" << -2;
    QTest::newRow("more than anybody has") << "cuda:1234" << -2;
    QTest::newRow("another device") << "CPU" << -2;
}

void TstSettings::aDeviceIsNamed()
{
    QFETCH(QString, text);
    QFETCH(int, index);
    wire::EngineSettings settings;
    const Result<Done> set = setFromText(settings, "device", text.toStdString());
    QCOMPARE(set.ok(), index != -2);
    QCOMPARE(settings.device(), index != -2 ? text.toStdString() : std::string());
    QCOMPARE(cudaIndex(text.toStdString()), index >= 0 ? std::optional<std::uint32_t>(index) : std::nullopt);
}

void TstSettings::halfPrecisionOnACpuIsRefused()
{
    wire::EngineSettings settings;
    settings.set_dtype("float16");
    const auto whole = settled(settings, cpu());
    QVERIFY(!whole.ok());
    QCOMPARE(whole.error().code, ErrorCode::Unsupported);
    QCOMPARE(whole.error().setting, std::string("dtype"));
    settings.set_dtype("float32");
    QVERIFY(settled(settings, cpu()).ok());
}

void TstSettings::theDeviceDecidesTheNumberFormat_data()
{
    QTest::addColumn<QString>("asked");
    QTest::addColumn<int>("major"); // 0: the CPU
    QTest::addColumn<int>("minor");
    QTest::addColumn<QString>("taken");
    QTest::newRow("CPU") << "auto" << 0 << 0 << "float32";
    QTest::newRow("Turing") << "auto" << 7 << 5 << "float16";
    QTest::newRow("Ampere") << "auto" << 8 << 0 << "bfloat16";
    QTest::newRow("Hopper") << "auto" << 9 << 0 << "bfloat16";
    QTest::newRow("half on Hopper") << "float16" << 9 << 0 << "float16";
    QTest::newRow("full on Turing") << "float32" << 7 << 5 << "float32";
    QTest::newRow("bfloat16 on Ada") << "bfloat16" << 8 << 9 << "bfloat16";
}

void TstSettings::theDeviceDecidesTheNumberFormat()
{
    QFETCH(QString, asked);
    QFETCH(int, major);
    QFETCH(int, minor);
    QFETCH(QString, taken);
    wire::EngineSettings settings;
    settings.set_dtype(asked.toStdString());
    const auto whole = settled(settings, major > 0 ? gpu(major, minor) : cpu());
    QVERIFY(whole.ok());
    QCOMPARE(QString::fromStdString(whole->dtype()), taken);
    QCOMPARE(whole->device(), std::string(major > 0 ? "cuda:1" : "cpu"));
}

void TstSettings::bfloat16NeedsItsHardware()
{
    wire::EngineSettings settings;
    settings.set_dtype("bfloat16");
    const auto refused = settled(settings, gpu(7, 5));
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::Unsupported);
    QCOMPARE(refused.error().cause, std::string("dtype is bfloat16, but cuda:1 (NVIDIA Card) has compute capability "
                                                "7.5 and bfloat16 came with 8.0"));
    QCOMPARE(refused.error().remedy, std::string("use auto or float16"));
    QCOMPARE(refused.error().setting, std::string("dtype"));
    settings.set_dtype("float16");
    QVERIFY(settled(settings, gpu(7, 5)).ok());
}

void TstSettings::theDeviceDecidesHowMuchAtOnce()
{
    const auto sizesOn = [](const Device& device, const wire::EngineSettings& settings) {
        const auto whole = settled(settings, device);
        return whole.ok() ? std::pair(whole->max_num_seqs(), whole->max_batched_tokens()) : std::pair(0U, 0U);
    };
    QCOMPARE(sizesOn(cpu(), {}), std::pair(8U, 2048U));
    QCOMPARE(sizesOn(gpu(8, 9, 24'000'000'000), {}), std::pair(64U, 2048U));
    QCOMPARE(sizesOn(gpu(8, 0, 42'949'672'960), {}), std::pair(64U, 8192U));
    wire::EngineSettings few;
    few.set_max_num_seqs(3);
    QCOMPARE(sizesOn(gpu(9, 0), few), std::pair(3U, 8192U));
    wire::EngineSettings shortSteps;
    shortSteps.set_max_batched_tokens(16); // what was asked for limits what was not
    QCOMPARE(sizesOn(gpu(9, 0), shortSteps), std::pair(16U, 16U));
}

void TstSettings::weightsAreInventedOnGpusOnly()
{
    wire::EngineSettings settings;
    settings.set_load_format("dummy");
    QVERIFY(settled(settings, gpu(7, 5)).ok());
    const auto refused = settled(settings, cpu());
    QVERIFY(!refused.ok());
    QCOMPARE(refused.error().code, ErrorCode::Unsupported);
    QCOMPARE(refused.error().setting, std::string("load_format"));
}

void TstSettings::whatIsSettledStays()
{
    for (const Device& device : {cpu(), gpu(7, 5), gpu(9, 0)}) {
        const auto once = settled({}, device);
        QVERIFY(once.ok());
        const auto twice = settled(*once, device);
        QVERIFY(twice.ok());
        QCOMPARE(twice->SerializeAsString(), once->SerializeAsString());
    }
}

void TstSettings::aStepServesEverySequence()
{
    wire::EngineSettings settings;
    settings.set_max_num_seqs(64);
    settings.set_max_batched_tokens(32);
    const auto whole = completed(settings);
    QVERIFY(!whole.ok());
    QCOMPARE(whole.error().setting, std::string("max_batched_tokens"));
    settings.set_max_batched_tokens(64); // the remedy
    QVERIFY(completed(settings).ok());
}

void TstSettings::textBecomesAValue()
{
    wire::EngineSettings settings;
    QVERIFY(setFromText(settings, "max-num-seqs", "12").ok());
    QVERIFY(setFromText(settings, "gpu_memory_utilization", "0.75").ok());
    QVERIFY(setFromText(settings, "enforce-eager", "on").ok());
    QVERIFY(setFromText(settings, "max_upload_bytes", "3 GiB").ok());
    QVERIFY(setFromText(settings, "position_variant", "B").ok());
    QVERIFY(setFromText(settings, "max_model_len", "0").ok());
    QCOMPARE(settings.max_num_seqs(), 12U);
    QCOMPARE(settings.gpu_memory_utilization(), 0.75);
    QVERIFY(settings.enforce_eager());
    QCOMPARE(settings.max_upload_bytes(), std::uint64_t{3} << 30);
    QCOMPARE(settings.position_variant(), std::string("B"));
}

void TstSettings::badTextIsRefused_data()
{
    QTest::addColumn<QString>("name");
    QTest::addColumn<QString>("text");
    QTest::newRow("no such setting") << "max_nonsense"
                                     << "1";
    QTest::newRow("not a number") << "max_num_seqs"
                                  << "many";
    QTest::newRow("a number and more") << "max_num_seqs"
                                       << "8x";
    QTest::newRow("negative") << "max_num_seqs"
                              << "-1";
    QTest::newRow("zero where nothing is automatic") << "max_images"
                                                     << "0";
    QTest::newRow("beyond 64 bits") << "max_upload_bytes"
                                    << "99999999999 GiB";
    QTest::newRow("not a switch") << "enforce_eager"
                                  << "perhaps";
    QTest::newRow("empty") << "gpu_memory_utilization"
                           << "";
}

void TstSettings::badTextIsRefused()
{
    QFETCH(QString, name);
    QFETCH(QString, text);
    wire::EngineSettings settings;
    const auto done = setFromText(settings, name.toStdString(), text.toStdString());
    QVERIFY(!done.ok());
    QCOMPARE(done.error().code, ErrorCode::BadRequest);
    QVERIFY(!done.error().remedy.empty());
    QCOMPARE(settings.SerializeAsString(), std::string());
}

QTEST_GUILESS_MAIN(TstSettings)
#include "tst_settings.moc"
