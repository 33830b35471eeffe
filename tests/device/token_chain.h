#pragma once
// Launches that follow each other as in an answer, for checks of what a kernel may read before the one before it ends.

#include "kernels/cuda/attention.h"
#include "kernels/cuda/rows.h"
#include "kernels/cuda/skinny.h"
#include "tests/device/device_check.h"

#include <numeric>
#include <optional>

namespace argus::device_check {

/// Tokens of one answer, each by the launches that a layer has for it: queries, the newest key and value come from the
/// launch before attention, which begins while that is under way; keys of former tokens were there before.
class TokenChain {
public:
    TokenChain(int kvHeads, int group, int cached, std::mt19937_64& random)
        : m_kvHeads(kvHeads), m_heads(kvHeads * group), m_cached(cached),
          m_inputs(upload(randomValues(std::size_t{kTokens} * kInputs, random, kernels::Format::BF16),
                          kernels::Format::BF16)),
          m_weight(upload(randomValues(std::size_t{kInputs} * columns(), random, kernels::Format::BF16, 0.05),
                          kernels::Format::BF16)),
          m_x(kInputs * 2), m_qkv(columns() * 2), m_y(rowBytes()), m_results(kTokens * rowBytes()),
          m_keys(cacheBytes()), m_values(cacheBytes()),
          m_workspace(kernels::cuda::pagedAttentionWorkspace(1, m_heads, kvHeads, 128, 132)),
          m_product(kernels::cuda::skinnyWorkspace(static_cast<int>(columns()), 132))
    {
        const std::size_t elements = cacheBytes() / 2;
        m_oldKeys = randomValues(elements, random, kernels::Format::BF16);
        m_oldValues = randomValues(elements, random, kernels::Format::BF16);
        std::vector<std::int32_t> slices;
        std::vector<std::int32_t> places;
        for (int token = 0; token < kTokens; ++token) {
            slices.insert(slices.end(), {0, 1, cached + token, 0});
            places.push_back(cached + token); // blocks lie as they are counted
        }
        std::vector<std::int32_t> table(blocks());
        std::iota(table.begin(), table.end(), 0);
        m_slices.emplace(uploadPlain(slices));
        m_places.emplace(uploadPlain(places));
        m_table.emplace(uploadPlain(table));
        m_turns.emplace(uploadPlain(std::vector<float>(64, 0.6F)));
        m_workspace.zero();
        m_product.zero();
    }

    /// What attention makes of every token; `apart`: every launch has ended before the next is made.
    [[nodiscard]] std::vector<unsigned char> run(bool apart)
    {
        restore(m_keys, m_oldKeys);
        restore(m_values, m_oldValues);
        must(cudaMemset(m_results.get(), 0xFF, m_results.bytes()), "cudaMemset");
        must(cudaDeviceSynchronize(), "cudaDeviceSynchronize");
        const auto after = [&](int status, const char* what) {
            must(status, what);
            if (apart)
                must(cudaDeviceSynchronize(), what);
        };
        for (int token = 0; token < kTokens; ++token) {
            const auto at = static_cast<std::size_t>(token);
            after(copy(m_x.get(), m_inputs.as<char>() + at * kInputs * 2, kInputs), "copyRows");
            after(project(token), "skinnyIntoCache");
            after(attend(token), "pagedAttention");
            after(copy(m_results.as<char>() + at * rowBytes(), m_y.get(), m_heads * 128), "copyRows");
        }
        must(cudaDeviceSynchronize(), "tokens");
        return downloadPlain<unsigned char>(m_results);
    }

private:
    static constexpr int kTokens = 32;
    static constexpr int kInputs = 3584;
    static constexpr int kBlockTokens = 16;

    [[nodiscard]] std::size_t columns() const { return static_cast<std::size_t>(m_heads + 2 * m_kvHeads) * 128; }
    [[nodiscard]] std::size_t rowBytes() const { return static_cast<std::size_t>(m_heads) * 256; }
    [[nodiscard]] std::size_t blocks() const
    {
        return static_cast<std::size_t>((m_cached + kTokens + kBlockTokens - 1) / kBlockTokens);
    }
    [[nodiscard]] std::size_t cacheBytes() const
    {
        return blocks() * kBlockTokens * static_cast<std::size_t>(m_kvHeads) * 256;
    }
    static void restore(const DeviceBytes& to, const std::vector<double>& values)
    {
        const DeviceBytes from = upload(values, kernels::Format::BF16);
        must(cudaMemcpy(to.get(), from.get(), to.bytes(), cudaMemcpyDeviceToDevice), "cudaMemcpy");
    }
    [[nodiscard]] static int copy(void* to, const void* from, int columns)
    {
        return kernels::cuda::copyRows({.y = to,
                                        .yStride = columns,
                                        .x = from,
                                        .xStride = columns,
                                        .count = 1,
                                        .columns = columns,
                                        .from = kernels::Format::BF16,
                                        .to = kernels::Format::BF16},
                                       nullptr);
    }
    [[nodiscard]] int project(int token) const
    {
        kernels::cuda::Skinny work;
        work.y = m_qkv.get();
        work.yStride = static_cast<std::int64_t>(columns());
        work.x = m_x.get();
        work.xStride = kInputs;
        work.weight = m_weight.get();
        work.rows = 1;
        work.inputs = kInputs;
        work.outputs = static_cast<int>(columns());
        work.workspace = m_product.get();
        work.workspaceBytes = m_product.bytes();
        return kernels::cuda::skinnyIntoCache(work,
                                              {.cosines = m_turns->as<float>(),
                                               .sines = m_turns->as<float>(),
                                               .keys = m_keys.get(),
                                               .values = m_values.get(),
                                               .places = m_places->as<std::int32_t>() + token,
                                               .heads = m_heads,
                                               .kvHeads = m_kvHeads,
                                               .headDim = 128,
                                               .blockTokens = kBlockTokens},
                                              nullptr);
    }
    [[nodiscard]] int attend(int token) const
    {
        return kernels::cuda::pagedAttention({.y = m_y.get(),
                                              .yStride = m_heads * 128,
                                              .q = m_qkv.get(),
                                              .qStride = static_cast<std::int64_t>(columns()),
                                              .keys = m_keys.get(),
                                              .values = m_values.get(),
                                              .slices = m_slices->as<std::int32_t>() + token * 4,
                                              .blockTable = m_table->as<std::int32_t>(),
                                              .blocksStride = static_cast<std::int64_t>(blocks()),
                                              .rows = 1,
                                              .sliceCount = 1,
                                              .mostRows = 1,
                                              .longest = m_cached + kTokens,
                                              .decodeOnly = true,
                                              .heads = m_heads,
                                              .kvHeads = m_kvHeads,
                                              .headDim = 128,
                                              .blockTokens = kBlockTokens,
                                              .scale = 0.08838834764831845f,
                                              .type = kernels::Format::BF16,
                                              .workspace = m_workspace.get(),
                                              .workspaceBytes = m_workspace.bytes(),
                                              .processors = 132},
                                             nullptr);
    }

    int m_kvHeads = 0;
    int m_heads = 0;
    int m_cached = 0;
    DeviceBytes m_inputs, m_weight, m_x, m_qkv, m_y, m_results, m_keys, m_values, m_workspace, m_product;
    std::vector<double> m_oldKeys, m_oldValues;
    std::optional<DeviceBytes> m_slices, m_places, m_table, m_turns;
};

} // namespace argus::device_check
