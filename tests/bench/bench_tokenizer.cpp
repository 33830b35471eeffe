// Megabytes a second on one core, for English, Chinese and program text. One JSON line a measurement.

#include "engine/text/tokenizer.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using argus::text::TokenId;
using argus::text::Tokenizer;
using Clock = std::chrono::steady_clock;

constexpr double kLimit = 5; // megabytes a second
constexpr std::size_t kBytes = 4'000'000;
constexpr int kRounds = 5;

const std::string kSources = ARGUS_SOURCE_DIR;
const std::string kTokenizer = kSources + "/tests/data/qwen2-tokenizer";

std::string fileText(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

/// Texts of the vectors that are mostly Chinese, and some plain prose to give them sentence length.
std::string chinese()
{
    std::string text = "在一个晴朗的早晨，小明带着他的相机来到公园。他看见湖面上有三只白色的天鹅，岸边的柳树随风摆动，"
                       "孩子们正在草地上放风筝。"
                       "图片的左侧是一个红色的圆形，右侧是一个蓝色的正方形，下方还有一行手写的文字。请根据图片内容回答"
                       "以下问题，并说明理由。\n"
                       "多模态模型把图像切成小块，经过视觉编码器变成向量，再与文字一起送进语言模型，逐字生成回答。\n";
    std::ifstream vectors(kTokenizer + "/vectors.jsonl");
    for (std::string line; std::getline(vectors, line);) {
        const std::string sample = nlohmann::json::parse(line)["text"];
        const auto high =
            std::count_if(sample.begin(), sample.end(), [](char c) { return static_cast<unsigned char>(c) >= 0xe3; });
        if (static_cast<std::size_t>(high) * 4 > sample.size())
            text += sample + "\n";
    }
    return text;
}

std::string repeated(const std::string& seed)
{
    std::string text;
    while (text.size() < kBytes)
        text += seed;
    return text;
}

void measure(const Tokenizer& tokenizer, const char* name, const std::string& seed)
{
    const std::string text = repeated(seed);
    std::vector<TokenId> ids;
    double best = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        ids.clear();
        const auto start = Clock::now();
        tokenizer.encode(text, Tokenizer::AddedTokens::Recognise, ids);
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::printf("{\"bench\":\"tokenizer\",\"case\":\"%s\",\"megabytes_per_second\":%.1f,\"limit\":%.0f,\"bytes\":%zu,"
                "\"tokens\":%zu}\n",
                name, static_cast<double>(text.size()) / 1e6 / best, kLimit, text.size(), ids.size());
}

} // namespace

int main()
{
    const auto start = Clock::now();
    const auto tokenizer = Tokenizer::load(kTokenizer);
    if (!tokenizer) {
        std::fprintf(stderr, "%s\n", tokenizer.error().text().c_str());
        return 1;
    }
    std::printf("{\"bench\":\"tokenizer\",\"case\":\"load\",\"milliseconds\":%.0f}\n",
                std::chrono::duration<double, std::milli>(Clock::now() - start).count());
    measure(**tokenizer, "english",
            fileText(kTokenizer + "/README.md") + fileText(kSources + "/resources/demo-model/README.md"));
    measure(**tokenizer, "chinese", chinese());
    measure(**tokenizer, "code",
            fileText(kSources + "/engine/base/files.cpp") + fileText(kSources + "/resources/demo-model/tasks.py"));
    measure(**tokenizer, "one_letter", std::string(100'000, 'a'));
    return 0;
}
