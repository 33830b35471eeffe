#include "engine/model/positions.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace argus::model {

namespace {

/// The walk over one prompt: which item comes next, and where the next text token stands.
class Walk {
public:
    Walk(const ModelConfig& config, std::span<const std::int32_t> ids, std::span<const Grid> imageGrids,
         std::span<const Grid> videoGrids, std::span<const double> secondsPerGrid, PositionVariant variant)
        : m_config(config), m_ids(ids), m_imageGrids(imageGrids), m_videoGrids(videoGrids), m_seconds(secondsPerGrid),
          m_variant(variant)
    {
        m_result.rows.resize(ids.size() * 3);
    }

    [[nodiscard]] Result<Positions> run()
    {
        for (std::size_t at = 0; at < m_ids.size();) {
            if (!isPad(m_ids[at])) {
                put(at++, m_next, m_next, m_next);
                ++m_next;
                continue;
            }
            auto length = item(at);
            if (!length.ok())
                return std::move(length).error();
            at += *length;
        }
        if (m_images != m_imageGrids.size() || m_videos != m_videoGrids.size())
            return Error{ErrorCode::BadRequest,
                         fmt::format("the prompt has places for {} images and {} videos, but {} and {} were given",
                                     m_images, m_videos, m_imageGrids.size(), m_videoGrids.size()),
                         "give each attachment exactly one place in the conversation", ""};
        m_result.delta = static_cast<std::int32_t>(m_largest + 1 - static_cast<std::int64_t>(m_ids.size()));
        return std::move(m_result);
    }

private:
    [[nodiscard]] bool isPad(std::int32_t id) const { return id == m_config.imageToken || id == m_config.videoToken; }

    void put(std::size_t at, std::int64_t time, std::int64_t height, std::int64_t width)
    {
        m_result.rows[at] = static_cast<std::int32_t>(time);
        m_result.rows[at + m_ids.size()] = static_cast<std::int32_t>(height);
        m_result.rows[at + 2 * m_ids.size()] = static_cast<std::int32_t>(width);
        m_largest = std::max({m_largest, time, height, width});
    }

    /// Steps in time of slice `a` of a video, from its first. Float products in the order the reference has them.
    [[nodiscard]] std::int64_t timeOf(int a, double seconds) const
    {
        const auto perSecond = static_cast<float>(m_config.vision.tokensPerSecond);
        const float step = m_variant == PositionVariant::A
                               ? static_cast<float>(a) * static_cast<float>(seconds)
                               : static_cast<float>(a) * std::trunc(static_cast<float>(seconds));
        return static_cast<std::int64_t>(step * perSecond);
    }

    /// Checks the run of pads that begins at `at` against its grid; returns how many there are.
    [[nodiscard]] Result<std::size_t> padsOf(std::size_t at, const Grid& grid, std::string_view name) const
    {
        const int merge = m_config.vision.mergeSize;
        if (grid.t < 1 || grid.h < merge || grid.w < merge || grid.h % merge != 0 || grid.w % merge != 0)
            return Error{ErrorCode::BadRequest,
                         fmt::format("{} has a grid of {} x {} x {} patches; height and width must be multiples of {}",
                                     name, grid.t, grid.h, grid.w, merge),
                         "", ""};
        if (at == 0 || m_ids[at - 1] != m_config.visionStartToken)
            return Error{ErrorCode::BadRequest,
                         fmt::format("the pads of {} at token {} do not follow a vision start", name, at), "", ""};
        std::size_t found = 0;
        while (at + found < m_ids.size() && m_ids[at + found] == m_ids[at])
            ++found;
        if (static_cast<std::int64_t>(found) != grid.patches() / (merge * merge))
            return Error{ErrorCode::BadRequest,
                         fmt::format("{} needs {} pads for its grid of {} x {} x {} patches, the prompt has {}", name,
                                     grid.patches() / (merge * merge), grid.t, grid.h, grid.w, found),
                         "", ""};
        return found;
    }

    /// One image or video whose pads begin at `at`; returns how many.
    [[nodiscard]] Result<std::size_t> item(std::size_t at)
    {
        const bool video = m_ids[at] == m_config.videoToken;
        std::size_t& seen = video ? m_videos : m_images;
        const auto grids = video ? m_videoGrids : m_imageGrids;
        const std::string name = fmt::format("{} {}", video ? "video" : "image", seen + 1);
        if (seen == grids.size())
            return Error{
                ErrorCode::BadRequest,
                fmt::format("the prompt has pads for {} at token {}, but only {} were given", name, at, grids.size()),
                "leave special tokens out of the text, or attach the missing file", ""};
        const Grid& grid = grids[seen];
        auto pads = padsOf(at, grid, name);
        if (!pads.ok())
            return pads;
        double seconds = 0; // pictures stand still
        if (video)
            seconds = seen < m_seconds.size() ? m_seconds[seen] : 1.0;
        const double last = timeOfLast(grid, seconds);
        if (!std::isfinite(seconds) || seconds < 0 || last > std::numeric_limits<std::int32_t>::max() / 2)
            return Error{ErrorCode::BadRequest,
                         fmt::format("{} has {} seconds per grid over {} grids", name, seconds, grid.t), "", ""};
        place(at, grid, seconds);
        ++seen;
        return pads;
    }

    [[nodiscard]] double timeOfLast(const Grid& grid, double seconds) const
    {
        return grid.t * seconds * m_config.vision.tokensPerSecond;
    }

    void place(std::size_t at, const Grid& grid, double seconds)
    {
        const int merge = m_config.vision.mergeSize;
        const std::int64_t base = m_next;
        std::int64_t largest = base;
        for (int a = 0; a < grid.t; ++a) {
            const std::int64_t time = base + timeOf(a, seconds);
            for (int b = 0; b < grid.h / merge; ++b)
                for (int c = 0; c < grid.w / merge; ++c)
                    put(at++, time, base + b, base + c);
            largest = std::max(largest, time);
        }
        largest = std::max(largest, base + std::max(grid.h, grid.w) / merge - 1);
        m_next = m_variant == PositionVariant::C ? base + std::max(grid.h, grid.w) / merge : largest + 1;
    }

    const ModelConfig& m_config;
    std::span<const std::int32_t> m_ids;
    std::span<const Grid> m_imageGrids;
    std::span<const Grid> m_videoGrids;
    std::span<const double> m_seconds;
    PositionVariant m_variant;
    Positions m_result;
    std::size_t m_images = 0;
    std::size_t m_videos = 0;
    std::int64_t m_next = 0;
    std::int64_t m_largest = -1;
};

} // namespace

Result<Positions> ropePositions(const ModelConfig& config, std::span<const std::int32_t> ids,
                                std::span<const Grid> imageGrids, std::span<const Grid> videoGrids,
                                std::span<const double> secondsPerGrid, PositionVariant variant)
{
    return Walk(config, ids, imageGrids, videoGrids, secondsPerGrid, variant).run();
}

} // namespace argus::model
