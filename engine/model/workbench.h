#pragma once
// Device memory that the vision tower and the decoder use in turn: each lays its activations out from the beginning.

#include "engine/ops/ops.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <initializer_list>

namespace argus::model {

/// Nothing on the bench outlives the operations enqueued for one pass of one user: the device works in order, so the
/// next user may write where the last one wrote.
class Workbench {
public:
    explicit Workbench(ops::Ops& ops) : m_ops(ops) {}

    /// Has every user lay itself out twice: once to learn the size of the largest, once for good.
    void layOut(std::initializer_list<std::function<void(Workbench&)>> users)
    {
        for (const auto& user : users)
            lay(user);
        m_memory = m_ops.allocate(DType::U8, {std::max<std::int64_t>(m_most, 1)});
        for (const auto& user : users)
            lay(user);
    }

    /// The next piece of the user that is laying itself out.
    [[nodiscard]] ops::DeviceTensor take(DType type, const Shape& shape)
    {
        const std::int64_t offset = m_end;
        m_end +=
            (shape.elements() * static_cast<std::int64_t>(sizeOf(type)) + kAlignment - 1) / kAlignment * kAlignment;
        m_most = std::max(m_most, m_end);
        std::byte* const start = m_memory.view().bytes();
        return {TensorView(start == nullptr ? nullptr : start + offset, type, shape),
                std::make_shared<ops::DeviceTensor>(m_memory)};
    }

    /// Groups of pieces in the same place: what comes of one is used before anything of the next is written.
    void inTurn(std::initializer_list<std::function<void()>> groups)
    {
        const std::int64_t start = m_end;
        std::int64_t end = start;
        for (const auto& group : groups) {
            m_end = start;
            group();
            end = std::max(end, m_end);
        }
        m_end = end;
    }

private:
    static constexpr std::int64_t kAlignment = 256;

    void lay(const std::function<void(Workbench&)>& user)
    {
        m_end = 0;
        user(*this);
    }

    ops::Ops& m_ops;
    ops::DeviceTensor m_memory;
    std::int64_t m_end = 0;
    std::int64_t m_most = 0;
};

} // namespace argus::model
