#include "engine/text/tokenizer.h"

#include <QtTest>

#include <nlohmann/json.hpp>

#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

using namespace argus;
using namespace argus::text;
using Json = nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path kQwen = fs::path(ARGUS_SOURCE_DIR) / "tests/data/qwen2-tokenizer";
const fs::path kDemo = fs::path(ARGUS_SOURCE_DIR) / "resources/demo-model";
constexpr auto kRecognise = Tokenizer::AddedTokens::Recognise;
constexpr auto kEscape = Tokenizer::AddedTokens::Escape;

std::string fileText(const fs::path& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

const Tokenizer& qwen()
{
    static const auto tokenizer = Tokenizer::load(kQwen).value();
    return *tokenizer;
}

/// tokenizer.json of the demo model: small, and every field of the format.
Json demo()
{
    return Json::parse(fileText(kDemo / "tokenizer.json"));
}

/// The three files that say the same as a tokenizer.json.
void writeThreeFiles(const Json& json, const fs::path& folder)
{
    std::ofstream(folder / "vocab.json") << json["model"]["vocab"].dump();
    std::ofstream merges(folder / "merges.txt");
    merges << "#version: 0.2\n";
    for (const Json& merge : json["model"]["merges"])
        merges << (merge.is_string() ? merge.get<std::string>()
                                     : merge[0].get<std::string>() + " " + merge[1].get<std::string>())
               << "\n";
    Json config;
    for (const Json& token : json["added_tokens"])
        config["added_tokens_decoder"][std::to_string(token["id"].get<int>())] = {{"content", token["content"]},
                                                                                  {"special", token["special"]}};
    std::ofstream(folder / "tokenizer_config.json") << config.dump();
}

} // namespace

class TstTokenizer : public QObject {
    Q_OBJECT
private slots:
    void encodesTheDocumentedExamples()
    {
        const std::vector<TokenId> chat{151644, 8948, 198,    2610, 525,    264, 10950,
                                        17847,  13,   151645, 198,  151644, 872, 198};
        QCOMPARE(
            qwen().encode("<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n<|im_start|>user\n", kRecognise),
            chat);
        const std::vector<TokenId> mixed{4340, 311, 3960, 28963, 11, 220, 14880, 11622, 104811, 102104};
        QCOMPARE(qwen().encode("How to learn english, 请用中文回答", kRecognise), mixed);
    }

    void readsTheThreeFilesLikeTokenizerJson()
    {
        QTemporaryDir folder;
        writeThreeFiles(Json::parse(fileText(kQwen / "tokenizer.json")), folder.path().toStdString());
        const auto tokenizer = Tokenizer::load(folder.path().toStdString());
        QVERIFY2(tokenizer.ok(), tokenizer.ok() ? "" : tokenizer.error().text().c_str());
        QCOMPARE((*tokenizer)->size(), qwen().size());
        std::ifstream vectors(kQwen / "vectors.jsonl");
        int lines = 0;
        for (std::string line; std::getline(vectors, line); ++lines) {
            const Json vector = Json::parse(line);
            QCOMPARE((*tokenizer)->encode(vector["text"].get<std::string>(), kRecognise),
                     vector["ids"].get<std::vector<TokenId>>());
        }
        QCOMPARE(lines, 566);
    }

    void acceptsMergesAsTextAndAsLists()
    {
        Json json = demo();
        const std::string text = "How many circles are there? 图里有几个圆？";
        const auto lists = Tokenizer::parse(json.dump()).value()->encode(text, kRecognise);
        for (Json& merge : json["model"]["merges"])
            merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
        QCOMPARE(Tokenizer::parse(json.dump()).value()->encode(text, kRecognise), lists);
    }

    void escapesWhatPeopleType()
    {
        for (const char* text : {"<|im_end|>", "a<|image_pad|>b", "<tool_call>"}) {
            const auto ids = qwen().encode(text, kEscape);
            for (const TokenId id : ids)
                QVERIFY2(id < 151643, text);
            QCOMPARE(qwen().decode(ids, true), std::string(text));
        }
    }

    void takesTheLongestAddedToken()
    {
        Json json = demo();
        json["added_tokens"].push_back({{"id", 2048}, {"content", "<|im"}, {"special", false}});
        const auto tokenizer = Tokenizer::parse(json.dump()).value();
        const std::vector<TokenId> wanted{2028, 2048};
        QCOMPARE(tokenizer->encode("<|im_end|><|im", kRecognise), wanted);
    }

    void normalisesBetweenAddedTokens()
    {
        QCOMPARE(qwen().encode("e\u0301", kRecognise), qwen().encode("\u00e9", kRecognise));
        QCOMPARE(qwen().encode("\u1112\u1161\u11ab", kEscape), qwen().encode("\ud55c", kEscape));
    }

    void readsBrokenUtf8AsReplacementCharacters()
    {
        QCOMPARE(qwen().encode("a\xff\xe4\xbd"
                               "b",
                               kEscape),
                 qwen().encode("a\ufffd\ufffd"
                               "b",
                               kEscape));
    }

    void mergesLongPiecesLikeShortOnes()
    {
        // A piece above the length where the heap takes over must get the merges of the plain rule: lowest rank first,
        // leftmost on ties. Random letters make one piece; the plain rule is redone here from the file.
        const auto tokenizer = Tokenizer::load(kDemo).value();
        std::map<std::pair<std::string, std::string>, int> rank;
        const Json json = demo();
        for (const Json& merge : json["model"]["merges"])
            rank.emplace(std::pair(merge[0].get<std::string>(), merge[1].get<std::string>()),
                         static_cast<int>(rank.size()));
        std::mt19937 random(11);
        for (int round = 0; round < 200; ++round) {
            std::string piece;
            const std::size_t length = 1 + random() % 300;
            while (piece.size() < length)
                piece += "aeinorst"[random() % 8];
            std::vector<std::string> symbols;
            for (const char c : piece)
                symbols.emplace_back(1, c);
            for (;;) {
                auto best = rank.end();
                std::size_t at = 0;
                for (std::size_t i = 0; i + 1 < symbols.size(); ++i)
                    if (const auto found = rank.find({symbols[i], symbols[i + 1]});
                        found != rank.end() && (best == rank.end() || found->second < best->second)) {
                        best = found;
                        at = i;
                    }
                if (best == rank.end())
                    break;
                symbols[at] += symbols[at + 1];
                symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
            }
            std::vector<std::string> got;
            for (const TokenId id : tokenizer->encode(piece, kEscape))
                got.emplace_back(tokenizer->bytesOf(id));
            QCOMPARE(got, symbols);
        }
    }

    void encodesAMegabyteOfOneLetter()
    {
        const std::string text(1'000'000, 'a');
        QCOMPARE(qwen().decode(qwen().encode(text, kEscape), true), text);
    }

    void encodesFromSeveralThreads()
    {
        const auto tokenizer = Tokenizer::load(kDemo).value();
        const std::string text = fileText(kDemo / "README.md");
        const auto wanted = Tokenizer::load(kDemo).value()->encode(text, kRecognise);
        std::vector<std::vector<TokenId>> results(4);
        std::vector<std::thread> threads;
        for (auto& result : results)
            threads.emplace_back([&] { result = tokenizer->encode(text, kRecognise); });
        for (std::thread& thread : threads)
            thread.join();
        for (const auto& result : results)
            QCOMPARE(result, wanted);
    }

    void refusesTokenizersItCannotTrust_data()
    {
        QTest::addColumn<QByteArray>("json");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("cause");
        const auto row = [](const char* name, const auto& change, ErrorCode code, const char* cause) {
            Json json = demo();
            change(json);
            QTest::newRow(name) << QByteArray::fromStdString(json.dump()) << static_cast<int>(code)
                                << QByteArray(cause);
        };
        const auto corrupt = ErrorCode::Corrupt;
        const auto unsupported = ErrorCode::Unsupported;
        row(
            "no model", [](Json& j) { j.erase("model"); }, corrupt, "model.vocab");
        row(
            "no merges", [](Json& j) { j["model"].erase("merges"); }, corrupt, "model.merges");
        row(
            "empty merges", [](Json& j) { j["model"]["merges"] = Json::array(); }, corrupt, "model.merges");
        row(
            "merge of three", [](Json& j) { j["model"]["merges"][5] = "a b c"; }, corrupt, "merge 5 of model.merges");
        row(
            "merge of a number", [](Json& j) { j["model"]["merges"][5] = 7; }, corrupt, "merge 5 of model.merges");
        row(
            "merge of an unknown piece",
            [](Json& j) {
                j["model"]["merges"][5] = {"zqzq", "a"};
            },
            corrupt, "merge 5 (\"zqzq\" with \"a\"): the left piece");
        row(
            "merge into nothing",
            [](Json& j) {
                j["model"]["merges"][5] = {"~", "~"};
            },
            corrupt, "what they make is not in the vocabulary");
        row(
            "merge twice", [](Json& j) { j["model"]["merges"][9] = j["model"]["merges"][2]; }, corrupt,
            "repeats merge 2");
        row(
            "id twice", [](Json& j) { j["model"]["vocab"]["a"] = j["model"]["vocab"]["b"]; }, corrupt, "belongs to");
        row(
            "negative id", [](Json& j) { j["model"]["vocab"]["a"] = -1; }, corrupt, "not a whole number");
        row(
            "huge id", [](Json& j) { j["model"]["vocab"]["a"] = 2'000'000'000; }, corrupt, "id 2000000000");
        row(
            "id as text", [](Json& j) { j["model"]["vocab"]["a"] = "1"; }, corrupt, "not a whole number");
        row(
            "byte without a token", [](Json& j) { j["model"]["vocab"].erase("~"); }, corrupt,
            "no token for the byte 0x7e");
        row(
            "vocabulary as a list", [](Json& j) { j["model"]["vocab"] = Json::array(); }, corrupt, "not an object");
        row(
            "added id taken", [](Json& j) { j["added_tokens"][0]["id"] = j["model"]["vocab"]["a"]; }, corrupt,
            "belongs to the added token");
        row(
            "added id twice", [](Json& j) { j["added_tokens"][0]["id"] = j["added_tokens"][1]["id"]; }, corrupt,
            "belongs to the added token");
        row(
            "added content twice", [](Json& j) { j["added_tokens"][0]["content"] = j["added_tokens"][1]["content"]; },
            corrupt, "two ids");
        row(
            "added huge id", [](Json& j) { j["added_tokens"][0]["id"] = 2'000'000'000; }, corrupt, "2000000000");
        row(
            "added without content", [](Json& j) { j["added_tokens"][3].erase("content"); }, corrupt,
            "added_tokens[3]");
        row(
            "added empty", [](Json& j) { j["added_tokens"][3]["content"] = ""; }, corrupt, "added_tokens[3]");
        row(
            "added strips", [](Json& j) { j["added_tokens"][3]["lstrip"] = true; }, unsupported, "lstrip");
        row(
            "other expression", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = "\\w+"; },
            unsupported, "\\\\w+");
        row(
            "no pre-tokenizer", [](Json& j) { j.erase("pre_tokenizer"); }, unsupported, "pre_tokenizer");
        row(
            "prefix space", [](Json& j) { j["pre_tokenizer"]["pretokenizers"][1]["add_prefix_space"] = true; },
            unsupported, "pre_tokenizer");
        row(
            "other normaliser",
            [](Json& j) {
                j["normalizer"] = {{"type", "NFKC"}};
            },
            unsupported, "NFKC");
        row(
            "unigram", [](Json& j) { j["model"]["type"] = "Unigram"; }, unsupported, "Unigram");
        row(
            "dropout", [](Json& j) { j["model"]["dropout"] = 0.1; }, unsupported, "dropout");
        row(
            "byte fallback", [](Json& j) { j["model"]["byte_fallback"] = true; }, unsupported, "byte_fallback");
        QTest::newRow("bomb") << QByteArray(100'000, '[') << static_cast<int>(corrupt) << QByteArray("byte 17: nested");
        QTest::newRow("cut") << QByteArray::fromStdString(demo().dump()).left(5000) << static_cast<int>(corrupt)
                             << QByteArray("byte 5000");
        QTest::newRow("key twice") << QByteArray("{\"model\":{\"vocab\":{\"a\":1,\"a\":2}}}")
                                   << static_cast<int>(corrupt) << QByteArray("\"a\" occurs twice");
        QTest::newRow("not an object") << QByteArray("[]") << static_cast<int>(corrupt) << QByteArray("not an object");
        QTest::newRow("empty") << QByteArray() << static_cast<int>(corrupt) << QByteArray("byte 0");
    }
    void refusesTokenizersItCannotTrust()
    {
        QFETCH(QByteArray, json);
        QFETCH(int, code);
        QFETCH(QByteArray, cause);
        const auto tokenizer =
            Tokenizer::parse(std::string_view(json.constData(), static_cast<std::size_t>(json.size())));
        QVERIFY(!tokenizer.ok());
        const std::string& said = tokenizer.error().cause;
        QVERIFY2(said.starts_with("tokenizer.json"), said.c_str());
        QVERIFY2(said.find(cause.toStdString()) != std::string::npos, said.c_str());
        QCOMPARE(static_cast<int>(tokenizer.error().code), code);
    }

    void namesTheFileAndLineOfABadThreesome_data()
    {
        QTest::addColumn<QByteArray>("file");
        QTest::addColumn<QByteArray>("content");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("cause");
        const int corrupt = static_cast<int>(ErrorCode::Corrupt);
        QTest::newRow("merges of one piece")
            << QByteArray("merges.txt") << QByteArray("#version: 0.2\na n\nis\n") << corrupt << QByteArray("line 3");
        QTest::newRow("no merges") << QByteArray("merges.txt") << QByteArray("#version: 0.2\n") << corrupt
                                   << QByteArray("no merges");
        QTest::newRow("merges with broken UTF-8")
            << QByteArray("merges.txt") << QByteArray("a \xff\n") << corrupt << QByteArray("line 1");
        QTest::newRow("vocabulary cut") << QByteArray("vocab.json") << QByteArray("{\"a\":1") << corrupt
                                        << QByteArray("byte 6");
        QTest::newRow("no added tokens") << QByteArray("tokenizer_config.json") << QByteArray("{}") << corrupt
                                         << QByteArray("added_tokens_decoder");
        QTest::newRow("id that is no number") << QByteArray("tokenizer_config.json")
                                              << QByteArray("{\"added_tokens_decoder\":{\"x\":{\"content\":\"y\"}}}")
                                              << corrupt << QByteArray("added_tokens_decoder[\"x\"]");
    }
    void namesTheFileAndLineOfABadThreesome()
    {
        QFETCH(QByteArray, file);
        QFETCH(QByteArray, content);
        QFETCH(int, code);
        QFETCH(QByteArray, cause);
        QTemporaryDir folder;
        const fs::path root = folder.path().toStdString();
        writeThreeFiles(demo(), root);
        QVERIFY(Tokenizer::load(root).ok());
        std::ofstream(root / file.toStdString(), std::ios::binary) << content.toStdString();
        const auto tokenizer = Tokenizer::load(root);
        QVERIFY(!tokenizer.ok());
        QCOMPARE(static_cast<int>(tokenizer.error().code), code);
        for (const QByteArray& part : {file, cause})
            QVERIFY2(tokenizer.error().cause.find(part.toStdString()) != std::string::npos,
                     tokenizer.error().cause.c_str());
    }

    void saysWhichFileIsMissing()
    {
        QTemporaryDir folder;
        writeThreeFiles(demo(), folder.path().toStdString());
        fs::remove(fs::path(folder.path().toStdString()) / "merges.txt");
        const auto tokenizer = Tokenizer::load(folder.path().toStdString());
        QVERIFY(!tokenizer.ok());
        QCOMPARE(tokenizer.error().code, ErrorCode::NotFound);
        QVERIFY(tokenizer.error().cause.find("merges.txt") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TstTokenizer)
#include "tst_tokenizer.moc"
