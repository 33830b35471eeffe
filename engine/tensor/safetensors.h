#pragma once
// Reading safetensors files: mapped, validated whole before the first tensor is handed out.

#include "engine/base/files.h"
#include "engine/base/result.h"
#include "engine/tensor/tensor.h"

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace argus {

/// One file, immutable once opened; may be read from several threads. Views live as long as this object.
class SafetensorsFile {
public:
    /// Checks every rule of the format. Errors: Corrupt naming file, byte position and rule; Unsupported for dtypes we
    /// do not know; NotFound, Io. Source  design/qwen2_5_vl.md §2.3
    [[nodiscard]] static Result<std::shared_ptr<const SafetensorsFile>> open(const std::filesystem::path& path);
    /// The same for bytes in memory (tests, fuzzing), which must outlive the object; `name` stands in messages.
    [[nodiscard]] static Result<std::shared_ptr<const SafetensorsFile>> parse(std::span<const std::byte> bytes,
                                                                              const std::string& name);

    struct Entry {
        DType dtype = DType::F32;
        Shape shape;
        std::size_t begin = 0; ///< from the start of the file
        std::size_t bytes = 0;
    };
    [[nodiscard]] const std::map<std::string, Entry, std::less<>>& entries() const { return m_entries; }
    /// The tensor where it lies in the file. One that is not aligned to its elements there is copied once, on first
    /// request. Errors: NotFound, DoesNotFit when that copy does not fit the memory.
    [[nodiscard]] Result<ConstTensorView> tensor(std::string_view name) const;
    [[nodiscard]] const std::string& name() const { return m_name; }
    /// Where the tensors begin: what stands before it says where they are.
    [[nodiscard]] std::size_t dataStart() const { return m_dataStart; }

private:
    [[nodiscard]] Result<Done> readHeader();

    std::string m_name;
    std::size_t m_dataStart = 0;
    std::shared_ptr<const MappedFile> m_file;
    std::span<const std::byte> m_bytes;
    std::map<std::string, Entry, std::less<>> m_entries;
    mutable std::mutex m_alignedMutex; ///< guards m_aligned
    mutable std::map<std::string, HostTensor, std::less<>> m_aligned;
};

} // namespace argus
