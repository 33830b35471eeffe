#pragma once
// One rank's share of a test of communicators: every operation on numbers that every rank can make for all of them, so
// that each can check what it got. No Qt: rank processes use it, too.

#include "engine/comm/communicator.h"

#include <cmath>
#include <cstring>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

namespace argus::comm_test {

struct Numbers {
    HostTensor tensor;
    std::vector<double> values; ///< as the type holds them, row by row
};

inline double valueAt(const std::byte* at, DType type)
{
    if (type == DType::F32) {
        float value = 0;
        std::memcpy(&value, at, 4);
        return static_cast<double>(value);
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, at, 2);
    return static_cast<double>(type == DType::F16 ? fromF16(bits) : fromBf16(bits));
}
inline void putValue(std::byte* at, DType type, float value)
{
    if (type == DType::F32) {
        std::memcpy(at, &value, 4);
        return;
    }
    const std::uint16_t bits = type == DType::F16 ? toF16(value) : toBf16(value);
    std::memcpy(at, &bits, 2);
}

/// What rank `rank` brings to the case `seed`.
inline Numbers numbersOf(int rank, unsigned seed, DType type, std::int64_t rows, std::int64_t columns)
{
    Numbers numbers{HostTensor(type, {rows, columns}), {}};
    std::minstd_rand random(seed * 1000u + static_cast<unsigned>(rank) + 1u);
    numbers.values.reserve(static_cast<std::size_t>(rows * columns));
    const std::size_t size = sizeOf(type);
    for (std::size_t i = 0; i < static_cast<std::size_t>(rows * columns); ++i) {
        std::byte* at = numbers.tensor.view().bytes() + i * size;
        putValue(at, type, (static_cast<float>(random() % 200'003u) - 100'001.0f) / 20'000.0f);
        numbers.values.push_back(valueAt(at, type));
    }
    return numbers;
}

inline void require(bool condition, const std::string& what)
{
    if (!condition)
        throw std::runtime_error(what);
}

/// Half the distance between neighbours of the type around x, and what float32 loses on the way.
inline double tolerance(double x, DType type)
{
    const double epsilon = type == DType::F32 ? 0x1p-24 : type == DType::F16 ? 0x1p-11 : 0x1p-8;
    return std::abs(x) * epsilon + 1e-5;
}

/// Called with the bytes of every result; ranks that must agree in bits compare what they saw.
using Seen = std::function<void(const void* bytes, std::size_t count)>;

inline void exerciseSum(comm::Communicator& group, unsigned seed, DType type, std::int64_t rows, std::int64_t columns,
                        const Seen& seen)
{
    Numbers mine = numbersOf(group.rank(), seed, type, rows, columns);
    std::vector<double> expected(mine.values.size());
    for (int rank = 0; rank < group.size(); ++rank) {
        const Numbers theirs = numbersOf(rank, seed, type, rows, columns);
        for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] += theirs.values[i];
    }
    const TensorView x = mine.tensor.view();
    group.sum(x);
    for (std::size_t i = 0; i < expected.size(); ++i)
        require(std::abs(valueAt(x.bytes() + i * sizeOf(type), type) - expected[i]) <= tolerance(expected[i], type),
                "sum of " + std::string(nameOf(type)) + x.shape().text() + " differs at " + std::to_string(i));
    seen(x.bytes(), expected.size() * sizeOf(type));
}

/// The residual's rows stand `gap` elements apart.
inline void exerciseAddSum(comm::Communicator& group, unsigned seed, DType residualType, DType type, std::int64_t rows,
                           std::int64_t columns, std::int64_t gap, const Seen& seen)
{
    const std::int64_t stride = columns + gap;
    Numbers residual = numbersOf(99, seed, residualType, rows, stride);
    const std::vector<double> before = residual.values;
    Numbers partial = numbersOf(group.rank(), seed, type, rows, columns);
    std::vector<double> expected(static_cast<std::size_t>(rows * columns));
    for (int rank = 0; rank < group.size(); ++rank) {
        const Numbers theirs = numbersOf(rank, seed, type, rows, columns);
        for (std::size_t i = 0; i < expected.size(); ++i)
            expected[i] += theirs.values[i];
    }
    const std::byte* bytes = residual.tensor.view().bytes();
    group.addSum({residual.tensor.view().bytes(), residualType, {rows, columns}, stride}, partial.tensor.view());
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = 0; column < stride; ++column) {
            const auto at = static_cast<std::size_t>(row * stride + column);
            const double got = valueAt(bytes + at * sizeOf(residualType), residualType);
            if (column >= columns) {
                require(got == before[at], "addSum wrote between the rows");
                continue;
            }
            const double wanted = before[at] + expected[static_cast<std::size_t>(row * columns + column)];
            require(std::abs(got - wanted) <= tolerance(wanted, residualType),
                    "addSum differs at " + std::to_string(at));
        }
    seen(bytes, static_cast<std::size_t>(rows * stride) * sizeOf(residualType));
}

inline void exerciseGather(comm::Communicator& group, unsigned seed, DType type, std::int64_t rows,
                           std::int64_t columns, std::int64_t gap, const Seen& seen)
{
    const int ranks = group.size();
    const std::int64_t wide = columns * ranks;
    const std::int64_t stride = wide + gap;
    const std::size_t size = sizeOf(type);
    Numbers y = numbersOf(77, seed, type, rows, stride);
    Numbers mine = numbersOf(group.rank(), seed, type, rows, columns + gap);
    HostTensor scratch(type, {ranks, rows, columns});
    group.gatherColumns({y.tensor.view().bytes(), type, {rows, wide}, stride},
                        ConstTensorView(mine.tensor.view().bytes(), type, {rows, columns}, columns + gap),
                        scratch.view());
    for (int rank = 0; rank < ranks; ++rank) {
        const Numbers theirs = numbersOf(rank, seed, type, rows, columns + gap);
        for (std::int64_t row = 0; row < rows; ++row)
            for (std::int64_t column = 0; column < columns; ++column) {
                const auto at = static_cast<std::size_t>(row * stride + rank * columns + column);
                require(valueAt(y.tensor.view().bytes() + at * size, type) ==
                            theirs.values[static_cast<std::size_t>(row * (columns + gap) + column)],
                        "gatherColumns differs at row " + std::to_string(row));
            }
    }
    for (std::int64_t row = 0; row < rows; ++row)
        for (std::int64_t column = wide; column < stride; ++column) {
            const auto at = static_cast<std::size_t>(row * stride + column);
            require(valueAt(y.tensor.view().bytes() + at * size, type) == y.values[at],
                    "gatherColumns wrote between the rows");
        }
    seen(y.tensor.view().bytes(), static_cast<std::size_t>(rows * stride) * size);
}

/// Every rank sends `count` messages to the next one, before it receives those of the one before it.
inline void exerciseMessages(comm::Communicator& group, unsigned seed, std::int64_t elements, int count)
{
    const int next = (group.rank() + 1) % group.size();
    const int previous = (group.rank() + group.size() - 1) % group.size();
    for (int i = 0; i < count; ++i)
        group.send(numbersOf(group.rank(), seed + static_cast<unsigned>(i), DType::F32, 1, elements).tensor.view(),
                   next);
    for (int i = 0; i < count; ++i) {
        HostTensor got(DType::F32, {1, elements});
        group.receive(got.view(), previous);
        const Numbers sent = numbersOf(previous, seed + static_cast<unsigned>(i), DType::F32, 1, elements);
        require(std::memcmp(got.view().bytes(), sent.tensor.view().bytes(), static_cast<std::size_t>(elements) * 4) ==
                    0,
                "message " + std::to_string(i) + " is not what was sent");
    }
}

/// Everything, in sizes from one element to several pieces.
inline void exerciseAll(comm::Communicator& group, const Seen& seen)
{
    unsigned seed = 1;
    for (const DType type : {DType::F32, DType::F16, DType::BF16})
        for (const std::int64_t elements : {1, 7, 1000, 16384, 16411, 100'003})
            exerciseSum(group, seed++, type, 1, elements, seen);
    exerciseSum(group, seed++, DType::F32, 3, 700'001, seen); // two pieces, the second one short
    for (const auto& [residual, partial] : {std::pair(DType::F32, DType::F32), std::pair(DType::F32, DType::BF16),
                                            std::pair(DType::BF16, DType::BF16), std::pair(DType::F16, DType::F16)})
        for (const std::int64_t rows : {1, 5, 300})
            exerciseAddSum(group, seed++, residual, partial, rows, 129, rows % 2 == 0 ? 0 : 6, seen);
    exerciseAddSum(group, seed++, DType::F32, DType::F32, 1100, 1024, 8, seen);
    for (const DType type : {DType::F32, DType::BF16})
        for (const std::int64_t rows : {1, 4, 65})
            exerciseGather(group, seed++, type, rows, 37, rows % 2 == 0 ? 0 : 3, seen);
    exerciseMessages(group, seed, 5000, 3);
    exerciseMessages(group, seed, 1, 4);
    exerciseMessages(group, seed, 400'000, 2);
}

} // namespace argus::comm_test
