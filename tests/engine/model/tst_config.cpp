#include "engine/base/files.h"
#include "engine/model/config.h"

#include <QtTest>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>

using namespace argus;
using namespace argus::model;
namespace fs = std::filesystem;
using Json = nlohmann::json;

namespace {

const fs::path kReference = fs::path(ARGUS_SOURCE_DIR) / "tests/data/reference/tiny.config.json";
const fs::path kDemo = fs::path(ARGUS_SOURCE_DIR) / "resources/demo-model";

std::string text(const fs::path& path)
{
    return readFile(path, 1 << 20).value();
}
Json demo()
{
    return Json::parse(text(kDemo / "config.json"));
}
Result<ModelConfig> parsed(const Json& json)
{
    return parseConfig(json.dump(), "some/config.json");
}

/// The same model as newer transformers save it.
Json nested(Json flat)
{
    Json inner;
    for (const char* key :
         {"hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads",
          "vocab_size", "max_position_embeddings", "rms_norm_eps", "hidden_act", "use_sliding_window"}) {
        inner[key] = flat[key];
        flat.erase(key);
    }
    inner["model_type"] = "qwen2_5_vl_text";
    inner["layer_types"] = Json::array({"full_attention", "full_attention", "full_attention", "full_attention"});
    inner["rope_parameters"] = {
        {"rope_type", "default"}, {"rope_theta", flat["rope_theta"]}, {"mrope_section", {16, 24, 24}}};
    inner["dtype"] = flat["torch_dtype"];
    for (const char* key : {"rope_theta", "rope_scaling", "torch_dtype"})
        flat.erase(key);
    flat["text_config"] = inner;
    return flat;
}

} // namespace

class TstConfig : public QObject {
    Q_OBJECT
private slots:
    void readsTheReferenceConfig()
    {
        const auto config = parseConfig(text(kReference), kReference.string());
        QVERIFY2(config.ok(), config.ok() ? "" : config.error().text().c_str());
        QCOMPARE(config->hiddenSize, 256);
        QCOMPARE(config->layers, 4);
        QCOMPARE(config->heads, 2);
        QCOMPARE(config->kvHeads, 2);
        QCOMPARE(config->headDim(), 128);
        QCOMPARE(config->intermediateSize, 640);
        QCOMPARE(config->vocabSize, 1024);
        QCOMPARE(config->maxPositions, 8192);
        QCOMPARE(config->rmsNormEpsilon, 1e-6);
        QCOMPARE(config->ropeTheta, 1e6);
        QVERIFY((config->mropeSection == std::array<int, 3>{16, 24, 24}));
        QVERIFY(!config->tieWordEmbeddings);
        QCOMPARE(config->imageToken, 1019);
        QCOMPARE(config->videoToken, 1020);
        QCOMPARE(config->visionStartToken, 1017);
        QCOMPARE(config->visionEndToken, 1018);
        QCOMPARE(config->vision.depth, 4);
        QCOMPARE(config->vision.headDim(), 80);
        QCOMPARE(config->vision.intermediateSize, 428);
        QCOMPARE(config->vision.outHiddenSize, 256);
        QCOMPARE(config->vision.fullAttentionBlocks, (std::vector<int>{1, 3}));
        QCOMPARE(config->vision.tokensPerSecond, 2.0);
        QCOMPARE(config->vision.patchElements(), 1176);
    }

    void readsTheNestedLayoutLikeTheFlatOne()
    {
        const auto flat = parsed(demo());
        const auto inner = parsed(nested(demo()));
        QVERIFY2(inner.ok(), inner.ok() ? "" : inner.error().text().c_str());
        QCOMPARE(inner->hiddenSize, flat->hiddenSize);
        QCOMPARE(inner->layers, flat->layers);
        QCOMPARE(inner->vocabSize, flat->vocabSize);
        QCOMPARE(inner->rmsNormEpsilon, flat->rmsNormEpsilon);
        QCOMPARE(inner->ropeTheta, flat->ropeTheta);
        QCOMPARE(inner->dtype, flat->dtype);
        QVERIFY(inner->tieWordEmbeddings);
    }

    void prefersTextConfigToDuplicatesAtTheTop()
    {
        Json json = nested(demo());
        json["num_hidden_layers"] = 99;
        QCOMPARE(parsed(json)->layers, parsed(demo())->layers);
    }

    void prefersTheTopLevelForTiedEmbeddings()
    {
        Json json = nested(demo());
        json["text_config"]["tie_word_embeddings"] = false;
        QVERIFY(parsed(json)->tieWordEmbeddings);
        json.erase("tie_word_embeddings");
        QVERIFY(!parsed(json)->tieWordEmbeddings);
        json["text_config"]["tie_word_embeddings"] = true;
        QVERIFY(parsed(json)->tieWordEmbeddings);
    }

    void appliesTheClassDefaults()
    {
        // The 32B file stores only the vision keys that differ from the class.
        const Json json = {{"model_type", "qwen2_5_vl"},
                           {"vision_config", {{"hidden_size", 1280}, {"out_hidden_size", 8192}}},
                           {"torch_dtype", nullptr}};
        const auto config = parsed(json);
        QVERIFY2(config.ok(), config.ok() ? "" : config.error().text().c_str());
        QCOMPARE(config->hiddenSize, 8192);
        QCOMPARE(config->layers, 80);
        QCOMPARE(config->heads, 64);
        QCOMPARE(config->kvHeads, 8);
        QCOMPARE(config->intermediateSize, 29568);
        QCOMPARE(config->vocabSize, 152064);
        QCOMPARE(config->maxPositions, 32768);
        QCOMPARE(config->rmsNormEpsilon, 1e-5);
        QCOMPARE(config->vision.depth, 32);
        QCOMPARE(config->vision.intermediateSize, 3420);
        QCOMPARE(config->vision.tokensPerSecond, 4.0);
        QCOMPARE(config->vision.fullAttentionBlocks, (std::vector<int>{7, 15, 23, 31}));
        QCOMPARE(config->dtype, std::string("bfloat16"));
    }

    void takesMropeAndDefaultForTheSame()
    {
        Json json = demo();
        json["rope_scaling"] = {{"type", "default"}, {"rope_type", "default"}, {"mrope_section", {16, 24, 24}}};
        QVERIFY(parsed(json).ok());
        json["rope_scaling"] = nullptr;
        QVERIFY(parsed(json).ok());
    }

    void readsAwqAsItIsPublished_data()
    {
        QTest::addColumn<QByteArray>("pointer");
        QTest::addColumn<QByteArray>("value");
        QTest::newRow("published") << QByteArray("/quantization_config")
                                   << QByteArray("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128,"
                                                 "\"zero_point\":true,\"version\":\"gemm\","
                                                 "\"modules_to_not_convert\":[\"visual\"]}");
        QTest::newRow("other names") << QByteArray("/quantization_config")
                                     << QByteArray("{\"quant_method\":\"awq\",\"w_bit\":4,\"q_group_size\":128,"
                                                   "\"version\":\"GEMM\"}");
        QTest::newRow("no version") << QByteArray("/quantization_config")
                                    << QByteArray("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128}");
        QTest::newRow("nested") << QByteArray("/text_config/quantization_config")
                                << QByteArray("{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128}");
    }
    void readsAwqAsItIsPublished()
    {
        QFETCH(QByteArray, pointer);
        QFETCH(QByteArray, value);
        Json json = demo();
        json[Json::json_pointer(pointer.toStdString())] = Json::parse(value.toStdString());
        const auto config = parsed(json);
        QVERIFY2(config.ok(), config.ok() ? "" : config.error().text().c_str());
        QVERIFY(config->awq);
        QCOMPARE(config->hiddenSize, 512);
    }

    void weightsAreNotPackedUnlessTheConfigSaysSo()
    {
        Json json = demo();
        QVERIFY(!parsed(json)->awq);
        json["quantization_config"] = nullptr;
        QVERIFY(!parsed(json)->awq);
    }

    void refusesAwqWhoseGroupsAreNotWhole()
    {
        Json json = demo();
        json["intermediate_size"] = 1000;
        QVERIFY(parsed(json).ok());
        json["quantization_config"] = {{"quant_method", "awq"}, {"bits", 4}, {"group_size", 128}};
        const auto config = parsed(json);
        QVERIFY(!config.ok());
        QCOMPARE(config.error().code, ErrorCode::Unsupported);
        QVERIFY2(config.error().cause.find("intermediate_size 1000 is not a multiple of 128") != std::string::npos,
                 config.error().cause.c_str());
    }

    /// Each row: a JSON patch (pointer and value; null removes) on the demo config, the code, and a word of the cause.
    void refusesWhatItCannotRun_data()
    {
        QTest::addColumn<QByteArray>("pointer");
        QTest::addColumn<QByteArray>("value");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("cause");
        const auto row = [](const char* pointer, const char* value, ErrorCode code, const char* cause) {
            QTest::newRow((QByteArray(pointer) + " " + value).left(70).constData())
                << QByteArray(pointer) << QByteArray(value) << static_cast<int>(code) << QByteArray(cause);
        };
        const auto unsupported = ErrorCode::Unsupported;
        const auto corrupt = ErrorCode::Corrupt;
        row("/model_type", "\"qwen3_vl\"", unsupported, "model_type is \"qwen3_vl\"");
        row("/model_type", "null", unsupported, "model_type is missing");
        row("/model_type", "7", corrupt, "model_type");
        row("/quantization_config", "[]", unsupported, "quantised by an unnamed method");
        row("/quantization_config", "{\"bits\":4,\"group_size\":128}", unsupported, "quantised by an unnamed method");
        row("/quantization_config", "{\"quant_method\":7}", unsupported, "quantised by an unnamed method");
        row("/quantization_config", "{\"quant_method\":\"gptq\",\"bits\":4,\"group_size\":128}", unsupported,
            "quantised by \"gptq\", only awq is supported");
        row("/quantization_config", "{\"quant_method\":\"awq\"}", unsupported, "AWQ with 0 bits in groups of 0");
        row("/quantization_config", "{\"quant_method\":\"awq\",\"bits\":8,\"group_size\":128}", unsupported,
            "AWQ with 8 bits in groups of 128");
        row("/quantization_config", "{\"quant_method\":\"awq\",\"w_bit\":4,\"q_group_size\":64}", unsupported,
            "AWQ with 4 bits in groups of 64");
        row("/quantization_config", "{\"quant_method\":\"awq\",\"bits\":\"4\",\"group_size\":128}", unsupported,
            "AWQ with 0 bits");
        row("/quantization_config", "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128,\"version\":\"gemv\"}",
            unsupported, "AWQ version \"gemv\"");
        row("/quantization_config", "{\"quant_method\":\"awq\",\"bits\":4,\"group_size\":128,\"zero_point\":false}",
            unsupported, "AWQ without zero points");
        row("/text_config", "{\"quantization_config\":{\"quant_method\":\"bitsandbytes\"}}", unsupported,
            "quantised by \"bitsandbytes\"");
        row("/use_sliding_window", "true", unsupported, "use_sliding_window");
        row("/use_sliding_window", "1", corrupt, "use_sliding_window");
        row("/layer_types", "[\"full_attention\",\"sliding_attention\"]", unsupported, "sliding_attention");
        row("/layer_types", "3", corrupt, "layer_types");
        row("/rope_scaling", "{\"type\":\"yarn\",\"factor\":4,\"mrope_section\":[16,24,24]}", unsupported,
            "rope_scaling.type is \"yarn\"");
        row("/rope_scaling", "{\"rope_type\":\"linear\"}", unsupported, "linear");
        row("/rope_scaling", "{\"mrope_section\":[16,24]}", corrupt, "mrope_section");
        row("/rope_scaling", "{\"mrope_section\":[16,24,25]}", corrupt, "mrope_section sums to 65");
        row("/rope_scaling", "\"mrope\"", corrupt, "rope_scaling should be an object");
        row("/hidden_act", "\"gelu\"", unsupported, "hidden_act");
        row("/torch_dtype", "\"float8_e4m3fn\"", unsupported, "float8_e4m3fn");
        row("/hidden_size", "513", corrupt, "hidden_size 513");
        row("/hidden_size", "256", unsupported, "64 channels a head");
        row("/hidden_size", "-512", corrupt, "hidden_size should be a whole number");
        row("/hidden_size", "512.0", corrupt, "hidden_size should be a whole number");
        row("/hidden_size", "\"512\"", corrupt, "hidden_size should be a whole number");
        row("/hidden_size", "18446744073709551615", corrupt, "hidden_size should be a whole number");
        row("/hidden_size", "1e400", corrupt, "not JSON");
        row("/num_hidden_layers", "1000000", corrupt, "num_hidden_layers");
        row("/num_key_value_heads", "3", corrupt, "num_key_value_heads 3");
        row("/num_key_value_heads", "0", corrupt, "num_key_value_heads");
        row("/vocab_size", "2000", corrupt, "image_token_id 2038 is outside the vocabulary of 2000");
        row("/video_token_id", "2038", corrupt, "both 2038");
        row("/rms_norm_eps", "-1", corrupt, "rms_norm_eps");
        row("/tie_word_embeddings", "\"yes\"", corrupt, "tie_word_embeddings");
        row("/text_config", "[1]", corrupt, "text_config should be an object");
        row("/text_config", "{\"hidden_size\":0}", corrupt, "text_config.hidden_size");
        row("/vision_config", "null", corrupt, "vision_config is missing");
        row("/vision_config", "[]", corrupt, "vision_config should be an object");
        row("/vision_config/patch_size", "16", unsupported, "vision_config.patch_size is 16, only 14");
        row("/vision_config/temporal_patch_size", "1", unsupported, "temporal_patch_size");
        row("/vision_config/spatial_merge_size", "4", unsupported, "spatial_merge_size");
        row("/vision_config/in_chans", "4", unsupported, "in_chans");
        row("/vision_config/in_channels", "1", unsupported, "in_channels");
        row("/vision_config/hidden_act", "\"quick_gelu\"", unsupported, "vision_config.hidden_act");
        row("/vision_config/num_heads", "3", corrupt, "hidden_size 160 cannot be shared by num_heads 3");
        row("/vision_config/num_heads", "80", corrupt, "not a multiple of 4");
        row("/vision_config/window_size", "100", corrupt, "window_size 100 is not a multiple of 28");
        row("/vision_config/out_hidden_size", "256", corrupt, "out_hidden_size 256 differs from hidden_size 512");
        row("/vision_config/fullatt_block_indexes", "[2,6]", corrupt, "names block 6, depth is 6");
        row("/vision_config/fullatt_block_indexes", "[-1]", corrupt, "fullatt_block_indexes");
        row("/vision_config/tokens_per_second", "0", corrupt, "tokens_per_second");
    }
    void refusesWhatItCannotRun()
    {
        QFETCH(QByteArray, pointer);
        QFETCH(QByteArray, value);
        QFETCH(int, code);
        QFETCH(QByteArray, cause);
        // Spliced as text, so that values a JSON library would not hold (1e400) get through.
        Json json = demo();
        json[Json::json_pointer(pointer.toStdString())] = "SPLICE";
        std::string spliced = json.dump();
        spliced.replace(spliced.find("\"SPLICE\""), 8, value.toStdString());
        const auto config = parseConfig(spliced, "some/config.json");
        QVERIFY(!config.ok());
        const std::string& said = config.error().cause;
        QVERIFY2(said.find(cause.toStdString()) != std::string::npos, said.c_str());
        QVERIFY2(said.find("some/config.json") != std::string::npos, said.c_str());
        QCOMPARE(static_cast<int>(config.error().code), code);
    }

    void refusesBrokenJson_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<QByteArray>("cause");
        QTest::newRow("empty") << QByteArray() << QByteArray("byte 0");
        QTest::newRow("cut") << QByteArray("{\"model_type\": \"qwen") << QByteArray("byte 20");
        QTest::newRow("list") << QByteArray("[]") << QByteArray("not an object");
        QTest::newRow("key twice") << QByteArray("{\"a\":1,\"a\":2}") << QByteArray("\"a\" occurs twice");
        QTest::newRow("bomb of lists") << QByteArray(100'000, '[') << QByteArray("nested");
        QTest::newRow("bomb of objects") << QByteArray("{\"a\":").repeated(100'000) << QByteArray("nested");
        QTest::newRow("many values") << "[" + QByteArray("0,").repeated(100'000) + "0]" << QByteArray("values");
        QTest::newRow("invalid UTF-8") << QByteArray("{\"model_type\":\"\xff\"}") << QByteArray("UTF-8");
    }
    void refusesBrokenJson()
    {
        QFETCH(QByteArray, json);
        QFETCH(QByteArray, cause);
        const auto config =
            parseConfig(std::string_view(json.constData(), static_cast<std::size_t>(json.size())), "some/config.json");
        QVERIFY(!config.ok());
        QCOMPARE(config.error().code, ErrorCode::Corrupt);
        QVERIFY2(config.error().cause.find("some/config.json") == 0, config.error().cause.c_str());
        QVERIFY2(config.error().cause.find(cause.toStdString()) != std::string::npos, config.error().cause.c_str());
    }

    void readsGenerationConfig()
    {
        const auto config = loadGenerationConfig(kDemo);
        QVERIFY2(config.ok(), config.ok() ? "" : config.error().text().c_str());
        QCOMPARE(config->stopIds, (std::vector<std::int32_t>{2028, 2026}));
        QCOMPARE(config->doSample, std::optional(false));
        QCOMPARE(config->maxNewTokens, std::optional(320));
        QVERIFY(!config->temperature && !config->topK && !config->topP && !config->repetitionPenalty);
    }

    void takesStopIdsOfTheConfigWhenThereAreNoOthers()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        fs::copy(kDemo / "config.json", root / "config.json");
        QCOMPARE(loadGenerationConfig(root)->stopIds, (std::vector<std::int32_t>{2028}));
        std::ofstream(root / "generation_config.json")
            << "{\"do_sample\":true,\"repetition_penalty\":1.05,\"temperature\":0.1,\"top_p\":0.001,\"top_k\":1}";
        const auto config = loadGenerationConfig(root);
        QCOMPARE(config->stopIds, (std::vector<std::int32_t>{2028}));
        QCOMPARE(config->temperature, std::optional(0.1));
        QCOMPARE(config->topP, std::optional(0.001));
        QCOMPARE(config->topK, std::optional(1));
        QCOMPARE(config->repetitionPenalty, std::optional(1.05));
        std::ofstream(root / "generation_config.json") << "{\"eos_token_id\":7}";
        QCOMPARE(loadGenerationConfig(root)->stopIds, (std::vector<std::int32_t>{7}));
    }

    void refusesABrokenGenerationConfig()
    {
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        for (const char* broken : {"{\"eos_token_id\":\"x\"}", "{\"temperature\":-1}", "{\"top_p\":2}",
                                   "{\"repetition_penalty\":0}", "{", "[]"}) {
            std::ofstream(root / "generation_config.json") << broken;
            const auto config = loadGenerationConfig(root);
            QVERIFY2(!config.ok(), broken);
            QCOMPARE(config.error().code, ErrorCode::Corrupt);
            QVERIFY(config.error().cause.find("generation_config.json") != std::string::npos);
        }
    }
};

QTEST_GUILESS_MAIN(TstConfig)
#include "tst_config.moc"
