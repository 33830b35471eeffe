#include "engine/base/json_limits.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <iterator>
#include <utility>
#include <vector>

namespace argus {
namespace {

using Json = nlohmann::json;

/// Walks the text and tells outside how far the parser has come: its events carry no position.
class TracedIterator {
public:
    using iterator_category = std::input_iterator_tag;
    using value_type = char;
    using difference_type = std::ptrdiff_t;
    using pointer = const char*;
    using reference = const char&;

    explicit TracedIterator(const char* at, const char** furthest = nullptr) : m_at(at), m_furthest(furthest) {}
    const char& operator*() const { return *m_at; }
    TracedIterator& operator++()
    {
        ++m_at;
        if (m_furthest)
            *m_furthest = m_at;
        return *this;
    }
    TracedIterator operator++(int)
    {
        TracedIterator before = *this;
        ++*this;
        return before;
    }
    bool operator==(const TracedIterator& other) const { return m_at == other.m_at; }
    bool operator!=(const TracedIterator& other) const { return m_at != other.m_at; }

private:
    const char* m_at;
    const char** m_furthest;
};

/// Builds the document from the parser's events; an event answers false to end the parse, with the reason in `m_fault`.
class BoundedBuilder {
public:
    explicit BoundedBuilder(const JsonLimits& limits) : m_limits(limits) {}

    bool null() { return put(nullptr) != nullptr; }
    bool boolean(bool value) { return put(value) != nullptr; }
    bool number_integer(Json::number_integer_t value) { return put(value) != nullptr; }
    bool number_unsigned(Json::number_unsigned_t value) { return put(value) != nullptr; }
    bool number_float(Json::number_float_t value, const std::string&) { return put(value) != nullptr; }
    bool string(std::string& value) { return put(std::move(value)) != nullptr; }
    bool binary(Json::binary_t&) { return fail("binary values are not JSON"); }
    bool start_object(std::size_t) { return open(Json::object()); }
    bool end_object() { return close(); }
    bool start_array(std::size_t) { return open(Json::array()); }
    bool end_array() { return close(); }
    bool key(std::string& name)
    {
        auto [place, isNew] = m_open.back()->get_ref<Json::object_t&>().emplace(std::move(name), nullptr);
        if (!isNew)
            return fail(fmt::format("the key \"{}\" occurs twice", shortened(place->first)));
        m_slot = &place->second;
        return true;
    }
    bool parse_error(std::size_t, const std::string& token, const nlohmann::detail::exception& problem)
    {
        // "[json.exception.parse_error.101] parse error at line 1, column 2: syntax error while ...": the tail says
        // what, we say where.
        const std::string_view text = problem.what();
        const std::size_t tail = text.rfind("; last read");
        const std::size_t start = text.find(": ");
        const std::string_view what =
            start == text.npos ? text : text.substr(start + 2, tail == text.npos ? tail : tail - start - 2);
        return fail(fmt::format("not JSON: {}, last read \"{}\"", what, shortened(token)));
    }

    [[nodiscard]] const std::string& fault() const { return m_fault; }
    [[nodiscard]] Json take() { return std::move(m_root); }

private:
    static std::string shortened(const std::string& text)
    {
        std::string shown;
        for (const char c : text.substr(0, 60))
            shown += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
        return text.size() > 60 ? shown + "..." : shown;
    }
    bool fail(std::string reason)
    {
        if (m_fault.empty())
            m_fault = std::move(reason);
        return false;
    }
    Json* put(Json value)
    {
        if (++m_values > m_limits.values) {
            fail(fmt::format("more than {} values", m_limits.values));
            return nullptr;
        }
        if (m_open.empty()) {
            m_root = std::move(value);
            return &m_root;
        }
        if (m_open.back()->is_array()) {
            auto& array = m_open.back()->get_ref<Json::array_t&>();
            array.push_back(std::move(value));
            return &array.back();
        }
        *m_slot = std::move(value);
        return m_slot;
    }
    bool open(Json container)
    {
        if (m_open.size() >= m_limits.depth)
            return fail(fmt::format("nested more than {} deep", m_limits.depth));
        Json* placed = put(std::move(container));
        if (placed)
            m_open.push_back(placed); // stays valid: a container grows only while it is the innermost one
        return placed != nullptr;
    }
    bool close()
    {
        m_open.pop_back();
        return true;
    }

    JsonLimits m_limits;
    Json m_root;
    std::vector<Json*> m_open;
    Json* m_slot = nullptr; ///< value of the key read last
    std::size_t m_values = 0;
    std::string m_fault;
};

} // namespace

Result<nlohmann::json> parseJson(std::string_view text, const std::string& name, const JsonLimits& limits)
{
    if (text.size() > limits.bytes)
        return makeError(ErrorCode::TooLarge, say("json-too-large", name, text.size(), limits.bytes),
                         say("do-check-right-file"));
    const char* furthest = text.data();
    BoundedBuilder builder(limits);
    bool parsed = false;
    try {
        parsed = Json::sax_parse(TracedIterator(text.data(), &furthest), TracedIterator(text.data() + text.size()),
                                 &builder);
    } catch (const nlohmann::detail::exception& problem) {
        return makeError(ErrorCode::Corrupt, say("in", name, problem.what()), say("do-fetch-file"));
    }
    if (!parsed)
        return makeError(ErrorCode::Corrupt, say("broken-at", name, furthest - text.data(), builder.fault()),
                         say("do-fetch-file"));
    return builder.take();
}

} // namespace argus
