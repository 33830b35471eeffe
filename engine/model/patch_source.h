#pragma once
// What the vision tower looks at, brought to the device in pieces that fit a pass.

#include "engine/ops/ops.h"

#include <cstdint>
#include <vector>

namespace argus::model {

/// Patches of one or several items, one after another. Lives on the rank's thread.
class PatchSource {
public:
    virtual ~PatchSource() = default;
    /// Patches of all items.
    [[nodiscard]] virtual std::int64_t patches() const = 0;
    /// Enqueues what puts patches [first, first + rows) into `to` [rows, 1176] of the device's computeType(). Both ends
    /// lie between temporal patches. `scratch` U8 [rows · 1176] on the device may be written. Throws OpsError.
    virtual void put(ops::Ops& ops, TensorView to, TensorView scratch, std::int64_t first) const = 0;

protected:
    PatchSource() = default;
    PatchSource(const PatchSource&) = default;
    PatchSource& operator=(const PatchSource&) = default;
};

/// Pictures and clips as the decoder delivers them, resized to what the model sees: the device makes the patches.
class FrameSource final : public PatchSource {
public:
    /// Each item: frames U8 [frames, 14·h, 14·w, 3] on the host, h and w even, kept until the last put(). Throws
    /// OpsError where an item is none.
    FrameSource(std::vector<ConstTensorView> items, const ops::PixelScale& scale);

    [[nodiscard]] std::int64_t patches() const override { return m_patches; }
    void put(ops::Ops& ops, TensorView to, TensorView scratch, std::int64_t first) const override;

private:
    std::vector<ConstTensorView> m_items;
    ops::PixelScale m_scale;
    std::int64_t m_patches = 0;
};

} // namespace argus::model
