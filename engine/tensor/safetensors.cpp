#include "engine/tensor/safetensors.h"

#include "engine/base/catalogue.h"
#include "engine/base/json_limits.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

namespace argus {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLengthBytes = 8;
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000; // the reference reader's limit
// The largest Qwen2.5-VL has 1,353 tensors of some ten values each; a million values leave room and cost at most some
// 100 MB.
constexpr JsonLimits kHeaderLimits{.bytes = kMaxHeaderBytes, .depth = 4, .values = 1'000'000};

Error corrupt(const std::string& name, std::uint64_t position, Said rule)
{
    return makeError(ErrorCode::Corrupt, say("broken-at", name, position, std::move(rule)), say("do-fetch-file"));
}

std::optional<DType> dtypeNamed(std::string_view name)
{
    constexpr std::array kKnown{DType::F32, DType::F16, DType::BF16, DType::I32, DType::U8,
                                DType::F64, DType::I64, DType::I16,  DType::I8,  DType::Bool};
    const auto found = std::find_if(kKnown.begin(), kKnown.end(), [&](DType type) { return nameOf(type) == name; });
    return found == kKnown.end() ? std::nullopt : std::optional(*found);
}

/// A non-negative integer below 2^63, and nothing that merely looks like one.
std::optional<std::int64_t> wholeNumber(const Json& value)
{
    if (!value.is_number_unsigned() || value.get<std::uint64_t>() > static_cast<std::uint64_t>(INT64_MAX))
        return std::nullopt;
    return value.get<std::int64_t>();
}

/// What the header says of one tensor; offsets still count from the start of the data.
struct Claim {
    std::string name;
    SafetensorsFile::Entry entry;
};

/// Errors stand without file and position; the caller knows both.
Result<Shape> readShape(const Json& list)
{
    std::vector<std::int64_t> extents;
    for (const Json& value : list) {
        const std::optional<std::int64_t> extent = wholeNumber(value);
        if (!extent)
            return Error{ErrorCode::Corrupt, "an extent of its shape is not a whole number below 2^63", {}, {}};
        extents.push_back(*extent);
    }
    if (extents.size() > static_cast<std::size_t>(kMaxRank))
        return Error{ErrorCode::Unsupported,
                     fmt::format("its shape has {} axes, at most {} are supported", extents.size(), kMaxRank),
                     {},
                     {}};
    try {
        return Shape(extents);
    } catch (const OpsError&) {
        return Error{ErrorCode::Corrupt, "the product of its shape overflows (validation overflow)", {}, {}};
    }
}

Result<SafetensorsFile::Entry> readClaim(const Json& value)
{
    const auto broken = [](Said rule) { return makeError(ErrorCode::Corrupt, std::move(rule)); };
    if (!value.is_object())
        return broken("its entry is not an object");
    const auto dtype = value.find("dtype");
    const auto shape = value.find("shape");
    const auto offsets = value.find("data_offsets");
    if (dtype == value.end() || !dtype->is_string() || shape == value.end() || !shape->is_array() ||
        offsets == value.end() || !offsets->is_array() || offsets->size() != 2 || value.size() != 3)
        return broken("its entry needs exactly dtype (text), shape (list) and data_offsets (two numbers)");
    const std::optional<DType> type = dtypeNamed(dtype->get_ref<const std::string&>());
    if (!type)
        return makeError(ErrorCode::Unsupported, say("tensor-dtype", dtype->get_ref<const std::string&>().substr(0, 40),
                                                     "F64 F32 F16 BF16 I64 I32 I16 I8 U8 BOOL"));
    Result<Shape> extents = readShape(*shape);
    if (!extents)
        return std::move(extents).error();
    const std::optional<std::int64_t> begin = wholeNumber((*offsets)[0]);
    const std::optional<std::int64_t> end = wholeNumber((*offsets)[1]);
    if (!begin || !end || *end < *begin)
        return broken("its data_offsets are not two whole numbers in order (invalid offset)");
    std::int64_t bytes = 0;
    if (__builtin_mul_overflow(extents->elements(), static_cast<std::int64_t>(sizeOf(*type)), &bytes))
        return broken("the product of its shape overflows (validation overflow)");
    if (bytes != *end - *begin)
        return broken(say("tensor-span", nameOf(*type), extents->text(), bytes, *end - *begin));
    return SafetensorsFile::Entry{*type, *extents, static_cast<std::size_t>(*begin), static_cast<std::size_t>(bytes)};
}

/// A tensor's name fit for a message: no control characters, not endless.
std::string shown(const std::string& name)
{
    std::string text = name.substr(0, 120);
    std::replace_if(
        text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
    return text;
}

Result<Done> checkMetadata(const Json& value, const std::string& name)
{
    const auto isText = [](const Json& item) { return item.is_string(); };
    if (!value.is_object() || !std::all_of(value.begin(), value.end(), isText))
        return corrupt(name, kLengthBytes, "__metadata__ does not map text to text");
    const auto format = value.find("format");
    if (format != value.end()) {
        const auto& text = format->get_ref<const std::string&>();
        if (text != "pt" && text != "tf" && text != "flax" && text != "mlx")
            return corrupt(
                name, kLengthBytes,
                fmt::format("__metadata__ names the format \"{:.40}\", not one of pt tf flax mlx", shown(text)));
    }
    return Done{};
}

} // namespace

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::open(const std::filesystem::path& path)
{
    Result<std::shared_ptr<const MappedFile>> file = MappedFile::open(path);
    if (!file)
        return std::move(file).error();
    auto result = std::make_shared<SafetensorsFile>();
    result->m_name = path.string();
    result->m_file = *file;
    result->m_bytes = result->m_file->bytes();
    if (Result<Done> read = result->readHeader(); !read)
        return std::move(read).error();
    return std::shared_ptr<const SafetensorsFile>(std::move(result));
}

Result<std::shared_ptr<const SafetensorsFile>> SafetensorsFile::parse(std::span<const std::byte> bytes,
                                                                      const std::string& name)
{
    auto result = std::make_shared<SafetensorsFile>();
    result->m_name = name;
    result->m_bytes = bytes;
    if (Result<Done> read = result->readHeader(); !read)
        return std::move(read).error();
    return std::shared_ptr<const SafetensorsFile>(std::move(result));
}

Result<Done> SafetensorsFile::readHeader()
{
    const std::uint64_t fileBytes = m_bytes.size();
    if (fileBytes < kLengthBytes)
        return corrupt(m_name, 0, say("header-too-small", fileBytes));
    std::uint64_t headerBytes = 0;
    for (std::size_t i = kLengthBytes; i-- > 0;)
        headerBytes = headerBytes << 8 | std::to_integer<std::uint64_t>(m_bytes[i]);
    if (headerBytes > kMaxHeaderBytes)
        return corrupt(m_name, 0, say("header-too-large", headerBytes, kMaxHeaderBytes));
    if (headerBytes > fileBytes - kLengthBytes)
        return corrupt(m_name, 0, say("header-cut", headerBytes, fileBytes));
    const std::string_view text(reinterpret_cast<const char*>(m_bytes.data()) + kLengthBytes, headerBytes);
    if (text.empty() || text.front() != '{')
        return corrupt(m_name, kLengthBytes, "the header does not start with '{' (invalid header start)");
    Result<Json> header = parseJson(text, m_name + ", header", kHeaderLimits);
    if (!header)
        return std::move(header).error();

    std::vector<Claim> claims;
    for (const auto& [key, value] : header->items()) {
        if (key == "__metadata__") {
            if (Result<Done> checked = checkMetadata(value, m_name); !checked)
                return checked;
            continue;
        }
        Result<Entry> entry = readClaim(value);
        if (!entry)
            return makeError(
                entry.error().code,
                say("broken-at", m_name, kLengthBytes, say("tensor-is", shown(key), entry.error().saidCause())),
                entry.error().code == ErrorCode::Unsupported ? say("do-float-checkpoint") : say("do-fetch-file"));
        claims.push_back({key, *entry});
    }
    // Empty tensors begin where their neighbour does; ordering by both ends keeps them before it.
    std::sort(claims.begin(), claims.end(), [](const Claim& a, const Claim& b) {
        return std::pair(a.entry.begin, a.entry.bytes) < std::pair(b.entry.begin, b.entry.bytes);
    });
    const std::uint64_t dataStart = kLengthBytes + headerBytes;
    const std::uint64_t dataBytes = fileBytes - dataStart;
    m_dataStart = dataStart;
    std::uint64_t expected = 0;
    for (Claim& claim : claims) {
        if (claim.entry.begin != expected)
            return corrupt(m_name, dataStart + std::min<std::uint64_t>(expected, dataBytes),
                           claim.entry.begin < expected
                               ? say("tensor-overlaps", shown(claim.name), claim.entry.begin, expected)
                               : say("tensor-after-hole", shown(claim.name), claim.entry.begin, expected));
        if (claim.entry.bytes > dataBytes - expected)
            return corrupt(m_name, fileBytes,
                           say("tensor-cut", shown(claim.name), expected + claim.entry.bytes, dataBytes));
        expected += claim.entry.bytes;
        claim.entry.begin += dataStart;
        m_entries.emplace(std::move(claim.name), claim.entry);
    }
    if (expected != dataBytes)
        return corrupt(m_name, dataStart + expected, say("bytes-of-no-tensor", dataBytes - expected));
    return Done{};
}

Result<ConstTensorView> SafetensorsFile::tensor(std::string_view name) const
{
    const auto found = m_entries.find(name);
    if (found == m_entries.end())
        return makeError(ErrorCode::NotFound, say("file-lacks-tensor", m_name, name), say("do-check-complete"));
    const Entry& entry = found->second;
    const std::byte* data = m_bytes.data() + entry.begin;
    if (reinterpret_cast<std::uintptr_t>(data) % sizeOf(entry.dtype) == 0)
        return ConstTensorView(data, entry.dtype, entry.shape);

    const std::lock_guard lock(m_alignedMutex);
    auto copy = m_aligned.find(name);
    if (copy == m_aligned.end()) {
        try {
            HostTensor fresh(entry.dtype, entry.shape);
            if (entry.bytes > 0)
                std::memcpy(fresh.view().bytes(), data, entry.bytes);
            copy = m_aligned.emplace(found->first, std::move(fresh)).first;
        } catch (const OpsError& problem) {
            return makeError(ErrorCode::DoesNotFit, say("in", m_name, problem.said()), say("do-save-again"));
        }
    }
    return std::as_const(copy->second).view();
}

} // namespace argus
