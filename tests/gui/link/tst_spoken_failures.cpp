// What a person reads when a model cannot be loaded or an executor cannot go on: each error as the engine makes it, in
// Chinese.

#include "engine/base/child_process.h" // before Qt, whose `slots` is a name there
#include "engine/comm/gloo/mesh.h"
#include "engine/comm/local/local_group.h"
#include "engine/comm/meeting_point.h"
#include "engine/comm/outcome.h"
#include "engine/model/checkpoint.h"
#include "engine/model/config.h"
#include "engine/tensor/safetensors.h"

#include "gui/settings/language.h"
#include "tests/gui/support/spoken_rows.h"

#include <QTemporaryDir>
#include <QtTest>

#include <csignal>
#include <fstream>

using namespace argus;
using namespace argus::gui;
using namespace argus::gui::testing;

namespace {

/// A safetensors file: the length of the header, the header, and so many bytes of data.
std::string weightsFile(const std::string& header, std::size_t dataBytes)
{
    std::string file;
    for (std::uint64_t i = 0, left = header.size(); i < 8; ++i, left >>= 8)
        file.push_back(static_cast<char>(left & 0xff));
    return file + header + std::string(dataBytes, '\0');
}

const char* const kOneTensor = R"({"model.norm.weight":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}})";

Error parsed(const std::string& file)
{
    return SafetensorsFile::parse(std::as_bytes(std::span(file)), "model.safetensors").error();
}

/// What a checkpoint of that one tensor answers.
Error asked(const char* name, const Shape& shape)
{
    QTemporaryDir folder;
    const std::string path = folder.filePath("model.safetensors").toStdString();
    std::ofstream(path, std::ios::binary) << weightsFile(kOneTensor, 16);
    auto checkpoint = model::Checkpoint::openFile(path);
    return checkpoint.ok() ? (*checkpoint)->tensor(name, shape).error() : checkpoint.error();
}

Error configured(const char* json)
{
    return model::parseConfig(json, "config.json").error();
}

/// What a group says when it breaks.
template <typename Work>
Error broken(Work&& work)
{
    try {
        work();
    } catch (const comm::GroupBroken& problem) {
        return comm::errorOf(problem);
    }
    return {};
}

const std::vector<Row>& rows()
{
    static const std::vector<Row> all{
        {"a file cut short in its data", "tensor-cut", [] { return parsed(weightsFile(kOneTensor, 12)); }},
        {"a file cut short in its header", "header-cut",
         [] { return parsed(weightsFile(kOneTensor, 0).substr(0, 30)); }},
        {"an empty file", "header-too-small", [] { return parsed({}); }},
        {"a file that is longer than its tensors", "bytes-of-no-tensor",
         [] { return parsed(weightsFile(kOneTensor, 20)); }},
        {"a type of weights nobody knows", "tensor-dtype",
         [] { return parsed(weightsFile(R"({"a":{"dtype":"F8_E4M3","shape":[4],"data_offsets":[0,4]}})", 4)); }},
        {"a shape that is not the tensor's", "tensor-span",
         [] { return parsed(weightsFile(R"({"a":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}})", 16)); }},
        {"weights missing", "no-tensor-with", [] { return asked("lm_head.weight", {4}); }},
        {"weights of another shape", "tensor-shape", [] { return asked("model.norm.weight", {8}); }},
        {"no weights at all", "file-refused", [] { return model::Checkpoint::open("/nowhere").error(); }},
        {"no config.json", "file-refused", [] { return model::loadConfig("/nowhere").error(); }},
        {"another model", "config-only", [] { return configured(R"({"model_type":"llama"})"); }},
        {"no model_type", "config-missing", [] { return configured("{}"); }},
        {"another quantisation", "quantised-by",
         [] { return configured(R"({"model_type":"qwen2_5_vl","quantization_config":{"quant_method":"gptq"}})"); }},
        {"memory that is not there", "no-tensor-memory",
         [] {
             try {
                 const HostTensor tensor(DType::U8, {std::int64_t{1} << 55});
             } catch (const OpsError& problem) {
                 return makeError(ErrorCode::DoesNotFit, problem.said());
             }
             return Error{};
         }},
        {"a rank that does not come", "rank-not-come",
         [] {
             comm::MeetingPoint meeting(comm::MeetingPoint::Publish{});
             return broken([&] { (void)meeting.get("1/tensor0/joined/1", Deadline(now())); });
         }},
        {"an interface that is not there", "interface-without",
         [] { return broken([] { (void)comm::gloo::openDevice({}, "nowhere0"); }); }},
        {"a rank that waits too long", "rank-waited-limit",
         [] {
             comm::local::LocalGroup group;
             group.join("1/tensor0", 2);
             return broken([&] { (void)group.receive(1, 0, Deadline(now())); });
         }},
        {"a program that is not there", "program-not-started",
         [] {
             return ChildProcess::start({.program = "/nowhere/argus-executor-cpu", .arguments = {}, .descriptors = {}})
                 .error();
         }},
        {"a program that was killed", "how-signal",
         [] {
             return makeError(ErrorCode::Crashed,
                              say("executor-ended", ExitReport{.code = 0, .signal = SIGKILL}.said()));
         }},
    };
    return all;
}

} // namespace

class TstSpokenFailures : public QObject {
    Q_OBJECT
    Language m_language;

private slots:
    void everyFailureIsChinese_data();
    void everyFailureIsChinese();
};

void TstSpokenFailures::everyFailureIsChinese_data()
{
    QTest::addColumn<int>("index");
    for (std::size_t i = 0; i < rows().size(); ++i)
        QTest::newRow(rows()[i].name) << static_cast<int>(i);
}

void TstSpokenFailures::everyFailureIsChinese()
{
    QFETCH(int, index);
    m_language.set("zh_CN");
    saysInChinese(rows()[static_cast<std::size_t>(index)]);
}

QTEST_GUILESS_MAIN(TstSpokenFailures)
#include "tst_spoken_failures.moc"
