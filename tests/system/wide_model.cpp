#include "tests/system/wide_model.h"

#include <nlohmann/json.hpp>

#include <cstdint>
#include <fstream>
#include <string>

namespace argus::tests {
using Json = nlohmann::json;

void writeWideModel(const std::filesystem::path& folder)
{
    constexpr int kWidth = 30'720;
    const std::filesystem::path demo = ARGUS_SOURCE_DIR "/resources/demo-model";
    std::filesystem::create_directories(folder);
    for (const char* name : {"generation_config.json", "merges.txt", "preprocessor_config.json", "tokenizer.json",
                             "tokenizer_config.json", "vocab.json"})
        std::filesystem::copy_file(demo / name, folder / name);
    const auto parsed = [](const std::filesystem::path& path) { return Json::parse(std::ifstream(path)); };
    Json config = parsed(demo / "config.json");
    const Json narrow = config["intermediate_size"];
    config["intermediate_size"] = kWidth;
    std::ofstream(folder / "config.json") << config;
    Json header;
    std::uint64_t at = 0;
    for (const char* name : {"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"}) {
        std::ifstream file(demo / name, std::ios::binary);
        std::uint64_t length = 0;
        file.read(reinterpret_cast<char*>(&length), sizeof length);
        std::string text(length, ' ');
        file.read(text.data(), static_cast<std::streamsize>(length));
        const Json entries = Json::parse(text);
        for (const auto& [tensor, entry] : entries.items()) {
            if (tensor == "__metadata__")
                continue;
            Json wide = entry;
            std::uint64_t bytes = entry["dtype"] == "F32" ? 4 : 2;
            for (Json& extent : wide["shape"]) {
                if (tensor.find("model.layers.") == 0 && tensor.find("mlp") != std::string::npos && extent == narrow)
                    extent = kWidth;
                bytes *= extent.get<std::uint64_t>();
            }
            wide["data_offsets"] = {at, at + bytes};
            header[tensor] = wide;
            at += bytes;
        }
    }
    const std::string text = header.dump();
    const std::filesystem::path weights = folder / "model.safetensors";
    {
        std::ofstream file(weights, std::ios::binary);
        const std::uint64_t length = text.size();
        file.write(reinterpret_cast<const char*>(&length), sizeof length);
        file << text;
    }
    std::filesystem::resize_file(weights, sizeof(std::uint64_t) + text.size() + at);
}

} // namespace argus::tests
