#include "engine/model/checkpoint.h"

#include <QtTest>
#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

using namespace argus;
using namespace argus::model;
namespace fs = std::filesystem;

namespace {

const fs::path kData = fs::path(ARGUS_SOURCE_DIR) / "tests/data/reference";
const fs::path kDemo = fs::path(ARGUS_SOURCE_DIR) / "resources/demo-model";

/// A safetensors file of F32 tensors with one element each.
void writeFile(const fs::path& path, const std::vector<std::string>& names)
{
    std::string header = "{";
    for (std::size_t i = 0; i < names.size(); ++i)
        header += std::string(i ? "," : "") + "\"" + names[i] +
                  "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[" + std::to_string(4 * i) + "," +
                  std::to_string(4 * i + 4) + "]}";
    header += "}";
    std::string file(8, '\0');
    for (std::size_t i = 0; i < 8; ++i)
        file[i] = static_cast<char>(header.size() >> (8 * i));
    file += header + std::string(4 * names.size(), '\0');
    std::ofstream(path, std::ios::binary) << file;
}

void writeText(const fs::path& path, const std::string& text)
{
    std::ofstream(path, std::ios::binary) << text;
}

} // namespace

class TstCheckpoint : public QObject {
    Q_OBJECT
private slots:
    void normalisesTheThreeGenerations_data()
    {
        QTest::addColumn<QString>("stored");
        QTest::addColumn<QString>("wanted");
        QTest::newRow("first, text") << "model.layers.3.mlp.up_proj.weight"
                                     << "model.layers.3.mlp.up_proj.weight";
        QTest::newRow("first, vision") << "visual.blocks.0.norm1.weight"
                                       << "visual.blocks.0.norm1.weight";
        QTest::newRow("second, text") << "model.language_model.layers.3.mlp.up_proj.weight"
                                      << "model.layers.3.mlp.up_proj.weight";
        QTest::newRow("second, vision") << "model.visual.merger.ln_q.weight"
                                        << "visual.merger.ln_q.weight";
        QTest::newRow("second, head") << "lm_head.weight"
                                      << "lm_head.weight";
        QTest::newRow("third, text") << "language_model.model.norm.weight"
                                     << "model.norm.weight";
        QTest::newRow("third, head") << "language_model.lm_head.weight"
                                     << "lm_head.weight";
    }
    void normalisesTheThreeGenerations()
    {
        QFETCH(QString, stored);
        QFETCH(QString, wanted);
        QCOMPARE(QString::fromStdString(normalisedName(stored.toStdString())), wanted);
    }

    void opensTheReferenceFile()
    {
        const auto checkpoint = Checkpoint::openFile(kData / "tiny.model.safetensors");
        QVERIFY2(checkpoint.ok(), checkpoint.ok() ? "" : checkpoint.error().text().c_str());
        const auto embedding = (*checkpoint)->tensor("model.embed_tokens.weight", {1024, 256});
        QVERIFY(embedding.ok());
        QCOMPARE(embedding->dtype(), DType::BF16);
        QCOMPARE((*checkpoint)->unknownNames().size(), std::size_t{0});
        QVERIFY((*checkpoint)->has("lm_head.weight"));
        QVERIFY(!(*checkpoint)->has("model.layers.4.input_layernorm.weight"));
    }

    void opensTheShardedDemoModel()
    {
        const auto checkpoint = Checkpoint::open(kDemo);
        QVERIFY2(checkpoint.ok(), checkpoint.ok() ? "" : checkpoint.error().text().c_str());
        std::ifstream index(kDemo / "model.safetensors.index.json");
        const auto total = nlohmann::json::parse(index)["metadata"]["total_size"].get<std::uint64_t>();
        QCOMPARE((*checkpoint)->totalBytes(), total);
        QVERIFY((*checkpoint)->tensor("visual.patch_embed.proj.weight", {160, 3, 2, 14, 14}).ok());
        QVERIFY(!(*checkpoint)->has("lm_head.weight"));
        QCOMPARE((*checkpoint)->unknownNames().size(), std::size_t{0});
    }

    void saysWhichTensorIsMissingOrMisshapen()
    {
        const auto checkpoint = Checkpoint::open(kDemo);
        QVERIFY(checkpoint.ok());
        const auto missing = (*checkpoint)->tensor("lm_head.weight", {2048, 512});
        QVERIFY(!missing.ok());
        QCOMPARE(missing.error().code, ErrorCode::NotFound);
        QVERIFY(missing.error().cause.find("lm_head.weight") != std::string::npos);
        const auto misshapen = (*checkpoint)->tensor("model.norm.weight", {511});
        QVERIFY(!misshapen.ok());
        QCOMPARE(misshapen.error().code, ErrorCode::Corrupt);
        for (const char* part : {"model.norm.weight", "[512]", "[511]", ".safetensors"})
            QVERIFY2(misshapen.error().cause.find(part) != std::string::npos, misshapen.error().cause.c_str());
    }

    void findsRenamedTensorsAndListsUnknownOnes()
    {
        QTemporaryDir folder;
        const fs::path file = folder.path().toStdString() + "/model.safetensors";
        writeFile(file, {"model.language_model.norm.weight", "model.visual.merger.ln_q.weight",
                         "model.language_model.layers.0.self_attn.rotary_emb.inv_freq", "extra.weight",
                         "visual.blocks.x.norm1.weight"});
        const auto checkpoint = Checkpoint::open(file.parent_path());
        QVERIFY(checkpoint.ok());
        QVERIFY((*checkpoint)->tensor("model.norm.weight", {1}).ok());
        QVERIFY((*checkpoint)->tensor("visual.merger.ln_q.weight", {1}).ok());
        const std::vector<std::string> unknown{"extra.weight", "visual.blocks.x.norm1.weight"};
        QCOMPARE((*checkpoint)->unknownNames(), unknown);
    }

    void refusesOneTensorUnderTwoSpellings()
    {
        QTemporaryDir folder;
        const fs::path file = folder.path().toStdString() + "/model.safetensors";
        writeFile(file, {"model.norm.weight", "model.language_model.norm.weight"});
        const auto checkpoint = Checkpoint::openFile(file);
        QVERIFY(!checkpoint.ok());
        QCOMPARE(checkpoint.error().code, ErrorCode::Corrupt);
        QVERIFY(checkpoint.error().cause.find("model.language_model.norm.weight") != std::string::npos);
    }

    void prefersTheIndexToASingleFile()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        writeFile(root / "model.safetensors", {"model.norm.weight"});
        writeFile(root / "a.safetensors", {"lm_head.weight", "left.out"});
        writeText(root / "model.safetensors.index.json",
                  R"({"metadata":{"total_size":4},"weight_map":{"lm_head.weight":"a.safetensors"}})");
        const auto checkpoint = Checkpoint::open(root);
        QVERIFY(checkpoint.ok());
        QVERIFY((*checkpoint)->has("lm_head.weight"));
        QVERIFY(!(*checkpoint)->has("model.norm.weight"));
        QVERIFY(!(*checkpoint)->has("left.out"));
    }

    void refusesBadIndexes_data()
    {
        QTest::addColumn<QByteArray>("index");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("cause");
        const auto row = [](const char* name, const QByteArray& index, ErrorCode code, const char* cause) {
            QTest::newRow(name) << index << static_cast<int>(code) << QByteArray(cause);
        };
        row("no weight_map", "{}", ErrorCode::Corrupt, "weight_map");
        row("a list", "[]", ErrorCode::Corrupt, "weight_map");
        row("path upwards", "{\"weight_map\":{\"x\":\"../a.safetensors\"}}", ErrorCode::Corrupt,
            "not a plain file name");
        row("absolute path", "{\"weight_map\":{\"x\":\"/etc/passwd\"}}", ErrorCode::Corrupt, "not a plain file name");
        row("dot dot", "{\"weight_map\":{\"x\":\"..\"}}", ErrorCode::Corrupt, "not a plain file name");
        row("a number", "{\"weight_map\":{\"x\":1}}", ErrorCode::Corrupt, "not a plain file name");
        row("missing shard", "{\"weight_map\":{\"x\":\"b.safetensors\"}}", ErrorCode::NotFound, "b.safetensors");
        row("tensor not in its shard", "{\"weight_map\":{\"x\":\"a.safetensors\"}}", ErrorCode::Corrupt,
            "does not hold it");
        row("cut", "{\"weight_map\":{\"x\":\"a.saf", ErrorCode::Corrupt, "byte 2");
        row("bomb", QByteArray(100'000, '['), ErrorCode::Corrupt, "nested");
    }
    void refusesBadIndexes()
    {
        QFETCH(QByteArray, index);
        QFETCH(int, code);
        QFETCH(QByteArray, cause);
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        writeFile(root / "a.safetensors", {"lm_head.weight"});
        writeText(root / "model.safetensors.index.json", index.toStdString());
        const auto checkpoint = Checkpoint::open(root);
        QVERIFY(!checkpoint.ok());
        const std::string& text = checkpoint.error().cause;
        QCOMPARE(static_cast<int>(checkpoint.error().code), code);
        QVERIFY2(text.find("model.safetensors.index.json") != std::string::npos, text.c_str());
        QVERIFY2(text.find(cause.toStdString()) != std::string::npos, text.c_str());
    }

    void saysWhenTheFolderHoldsNoModel()
    {
        QTemporaryDir folder;
        const auto checkpoint = Checkpoint::open(folder.path().toStdString());
        QVERIFY(!checkpoint.ok());
        QCOMPARE(checkpoint.error().code, ErrorCode::NotFound);
        QVERIFY(checkpoint.error().cause.find("model.safetensors") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TstCheckpoint)
#include "tst_checkpoint.moc"
