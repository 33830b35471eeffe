#pragma once
// Result<T>: a value or an Error. Shaped like std::expected, which GCC 12 lacks in C++20 mode.

#include "engine/base/error.h"

#include <cstdlib>
#include <type_traits>
#include <utility>
#include <variant>

namespace argus {

/// The value of a Result that only says "it worked".
struct Done {};

template <typename T>
class [[nodiscard]] Result {
    static_assert(!std::is_same_v<std::remove_cv_t<T>, Error>, "a Result of an Error is ambiguous");

public:
    Result(T value) : m_state(std::in_place_index<0>, std::move(value)) {}
    Result(Error error) : m_state(std::in_place_index<1>, std::move(error)) {}

    [[nodiscard]] bool ok() const noexcept { return m_state.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    /// The value. Asking a failed Result for it is a bug in the caller and ends the process.
    [[nodiscard]] T& value() &
    {
        require(ok());
        return *std::get_if<0>(&m_state);
    }
    [[nodiscard]] const T& value() const&
    {
        require(ok());
        return *std::get_if<0>(&m_state);
    }
    [[nodiscard]] T&& value() &&
    {
        require(ok());
        return std::move(*std::get_if<0>(&m_state));
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    /// The error. Asking a good Result for it is a bug in the caller and ends the process.
    [[nodiscard]] const Error& error() const&
    {
        require(!ok());
        return *std::get_if<1>(&m_state);
    }
    [[nodiscard]] Error&& error() &&
    {
        require(!ok());
        return std::move(*std::get_if<1>(&m_state));
    }

private:
    static void require(bool condition)
    {
        if (!condition)
            std::abort();
    }
    std::variant<T, Error> m_state;
};

} // namespace argus
