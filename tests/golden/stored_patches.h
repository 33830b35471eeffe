#pragma once
// Patches that a file has, for comparing with references whose makers fed numbers that no picture has.

#include "engine/model/patch_source.h"

namespace argus::golden {

/// F32 [patches, 1176] on the host, kept until the last put().
class StoredPatches final : public model::PatchSource {
public:
    explicit StoredPatches(ConstTensorView patches) : m_patches(patches) {}
    [[nodiscard]] std::int64_t patches() const override { return m_patches.extent(0); }
    void put(ops::Ops& ops, TensorView to, TensorView /*scratch*/, std::int64_t first) const override
    {
        ops.upload(to, m_patches.rows(first, to.extent(0)));
    }

private:
    ConstTensorView m_patches;
};

} // namespace argus::golden
