#include "tests/golden/safetensors_writer.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <stdexcept>

namespace argus::golden {

namespace {

std::int64_t bytesOf(const SafetensorsWriter::Entry& entry)
{
    return entry.shape.elements() * static_cast<std::int64_t>(sizeOf(entry.type));
}

std::string headerOf(const std::vector<SafetensorsWriter::Entry>& entries)
{
    nlohmann::json header = nlohmann::json::object();
    std::int64_t begin = 0;
    for (const auto& entry : entries) {
        nlohmann::json& each = header[entry.name];
        each["dtype"] = nameOf(entry.type);
        each["shape"] = nlohmann::json::array();
        for (int axis = 0; axis < entry.shape.rank(); ++axis)
            each["shape"].push_back(entry.shape[axis]);
        each["data_offsets"] = {begin, begin + bytesOf(entry)};
        begin += bytesOf(entry);
    }
    std::string text = header.dump();
    text.append((8 - text.size() % 8) % 8, ' '); // the first tensor begins aligned
    return text;
}

} // namespace

SafetensorsWriter::SafetensorsWriter(const std::filesystem::path& file, std::vector<Entry> entries)
    : m_name(file), m_file(file, std::ios::binary | std::ios::trunc), m_entries(std::move(entries))
{
    const std::string header = headerOf(m_entries);
    for (int byte = 0; byte < 8; ++byte)
        m_file.put(static_cast<char>(header.size() >> (8 * byte)));
    m_file << header;
    if (!m_file)
        throw std::runtime_error(m_name + " cannot be written");
}

void SafetensorsWriter::append(ConstTensorView tensor)
{
    if (m_next == m_entries.size())
        throw std::runtime_error(m_name + ": more tensors than its header has");
    const Entry& entry = m_entries[m_next++];
    if (tensor.dtype() != entry.type || !(tensor.shape() == entry.shape) || !tensor.dense())
        throw std::runtime_error(fmt::format("{}: {} is a {} {}, given a {} {}", m_name, entry.name, nameOf(entry.type),
                                             entry.shape.text(), nameOf(tensor.dtype()), tensor.shape().text()));
    m_file.write(reinterpret_cast<const char*>(tensor.bytes()), bytesOf(entry));
}

void SafetensorsWriter::close()
{
    m_file.close();
    if (m_next != m_entries.size() || !m_file)
        throw std::runtime_error(m_name + " is not whole");
}

} // namespace argus::golden
