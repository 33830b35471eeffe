#pragma once
// Writing safetensors files, one tensor after another, for checks that make their own checkpoints.

#include "engine/tensor/tensor.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace argus::golden {

/// The header is written at once, so the tensors have to be known by then. Throws std::runtime_error.
class SafetensorsWriter {
public:
    struct Entry {
        std::string name;
        DType type = DType::F32;
        Shape shape = {};
    };

    SafetensorsWriter(const std::filesystem::path& file, std::vector<Entry> entries);
    /// The next of the entries: dense, of its type and shape.
    void append(ConstTensorView tensor);
    /// All of them have come and are on disk.
    void close();

private:
    std::string m_name;
    std::ofstream m_file;
    std::vector<Entry> m_entries;
    std::size_t m_next = 0;
};

} // namespace argus::golden
