#pragma once
// The tensors of a checkpoint under their first-generation names, whatever generation wrote them, from one file or
// many.

#include "engine/base/file_parts.h"
#include "engine/base/result.h"
#include "engine/model/config.h"
#include "engine/tensor/safetensors.h"

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace argus::model {

/// Generation 1 spelling of a tensor name. Source: design/qwen2_5_vl.md §2.1
[[nodiscard]] std::string normalisedName(std::string_view name);

/// Immutable once opened; may be read from several threads. Views live as long as this object and are aligned to their
/// elements.
class Checkpoint {
public:
    /// Opens model.safetensors.index.json with its shards, or model.safetensors, in a folder. Maps, copies nothing.
    /// Errors: NotFound, Corrupt naming the file, and the rules of the index (§2.2).
    [[nodiscard]] static Result<std::shared_ptr<const Checkpoint>> open(const std::filesystem::path& folder);
    /// A single file of any name (reference data).
    [[nodiscard]] static Result<std::shared_ptr<const Checkpoint>> openFile(const std::filesystem::path& file);

    /// Errors: NotFound for a missing tensor, Corrupt for another shape than `expected`; both name tensor and file.
    [[nodiscard]] Result<ConstTensorView> tensor(std::string_view name, const Shape& expected) const;
    [[nodiscard]] bool has(std::string_view name) const;

    struct Place {
        std::shared_ptr<const SafetensorsFile> file;
        std::string storedName;
        [[nodiscard]] const SafetensorsFile::Entry& entry() const { return file->entries().find(storedName)->second; }
    };
    /// Where a tensor is stored; null: nowhere.
    [[nodiscard]] const Place* find(std::string_view name) const;
    /// Every file of it, once.
    [[nodiscard]] std::vector<std::shared_ptr<const SafetensorsFile>> files() const;
    /// Bytes of a file that are there, in a copy that is not whole; null: all of them.
    [[nodiscard]] const ByteRanges* there(const SafetensorsFile& file) const;
    /// Some bytes of some file are not there: reading them would give zeros. See requireTaken().
    [[nodiscard]] bool partial() const { return !m_there.empty(); }
    [[nodiscard]] std::uint64_t totalBytes() const;
    /// Every tensor, by its first-generation name.
    [[nodiscard]] std::vector<std::string> names() const;
    /// Stored names no part of Qwen2.5-VL uses are no error; this lists them for one warning.
    /// A `lm_head.weight` beside tied embeddings is not among them: the model does not ask for it then.
    [[nodiscard]] std::vector<std::string> unknownNames() const;

private:
    [[nodiscard]] Result<Done> place(const std::shared_ptr<const SafetensorsFile>& file, const std::string& storedName);
    [[nodiscard]] Result<std::shared_ptr<const SafetensorsFile>> openPart(const std::filesystem::path& file);

    std::map<std::string, ByteRanges> m_there;          ///< of files that are not whole, by name
    std::map<std::string, Place, std::less<>> m_places; ///< by generation-1 name
};

} // namespace argus::model
