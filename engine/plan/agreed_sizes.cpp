#include "engine/plan/agreed_sizes.h"

#include "engine/base/catalogue.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

namespace argus::plan {
namespace {

std::string nameOf(const RankSite& site)
{
    if (!site.name.empty())
        return site.name;
    return site.device.gpu ? site.device.gpu->text() : site.device.name();
}

/// Room for a picture and some talk.
constexpr std::uint32_t kUsefulContext = 4096;

/// One rank with its device's memory.
struct Measured {
    const RankSite& site;
    Room room;
    RankSizes sizes;
    std::uint32_t largest = 0;
};

class Agreement {
public:
    Agreement(Footprints& footprints, std::span<const RankSite> sites, const wire::EngineSettings& settings)
        : m_footprints(footprints), m_sites(sites), m_settings(settings),
          m_positions(static_cast<std::uint32_t>(std::max(footprints.model().maxPositions, 1)))
    {
    }

    AgreedSizes make()
    {
        measure();
        AgreedSizes sizes{.kvBlockTokens = m_ranks.front().sizes.blockTokens(),
                          .maxVisionPatches = static_cast<std::uint32_t>(m_patches),
                          .largestContext = m_ranks[m_tightest].largest,
                          .tightest = m_tightest};
        const std::uint32_t asked = m_settings.max_model_len();
        const std::uint32_t largest = sizes.largestContext;
        sizes.maxModelLen = asked != 0 ? asked : largest;
        if (asked > m_positions) {
            sizes.problem = makeError(ErrorCode::BadRequest, say("context-beyond-model", asked, m_positions),
                                      say("do-at-most", m_positions), "max_model_len");
            sizes.maxModelLen = std::min(largest, m_positions);
        } else if (sizes.maxModelLen > largest || largest < std::min(kSmallestContext, m_positions)) {
            sizes.maxModelLen = std::max(sizes.maxModelLen, kSmallestContext);
            sizes.problem = doesNotFit(sizes.maxModelLen, largest);
            sizes.shareNeeded = usefulShareFor(sizes.maxModelLen);
        }
        agreeOnBlocks(sizes);
        return sizes;
    }

private:
    void measure()
    {
        std::vector<Room> rooms;
        for (const RankSite& site : m_sites)
            rooms.push_back(roomOn(site.device, m_settings.gpu_memory_utilization(), site.communication));
        agreeOnPatches(rooms);
        for (std::size_t i = 0; i < m_sites.size(); ++i) {
            const RankSite& site = m_sites[i];
            Measured rank{site, rooms[i], {m_footprints, site.device, site.shard, m_settings, m_patches}};
            rank.largest = largestOf(rank);
            m_ranks.push_back(rank);
            if (isTighter(rank, m_ranks[m_tightest]))
                m_tightest = i;
        }
    }

    /// Ranks of a stage on equal devices have equal sizes.
    [[nodiscard]] std::uint32_t largestOf(const Measured& rank) const
    {
        for (const Measured& before : m_ranks)
            if (before.site.shard.stage == rank.site.shard.stage && before.room.usable() == rank.room.usable() &&
                rank.site.device.kind() == before.site.device.kind())
                if (before.sizes.total(kSmallestContext) == rank.sizes.total(kSmallestContext))
                    return before.largest;
        return rank.sizes.largestContext(m_positions, rank.room.usable());
    }

    [[nodiscard]] bool isTighter(const Measured& rank, const Measured& than) const
    {
        if (rank.largest != than.largest)
            return rank.largest < than.largest;
        const auto spare = [&](const Measured& each) {
            return static_cast<double>(each.room.usable()) -
                   static_cast<double>(each.sizes.total(std::max(each.largest, kSmallestContext)));
        };
        return spare(rank) < spare(than);
    }

    /// Pictures go through the first stage only; its ranks see the same ones.
    void agreeOnPatches(const std::vector<Room>& rooms)
    {
        if (!m_sites.front().device.gpu)
            return;
        m_patches = std::numeric_limits<std::int64_t>::max();
        for (std::size_t i = 0; i < m_sites.size(); ++i)
            if (m_sites[i].shard.first())
                m_patches = std::min(m_patches, passPatches(m_footprints, m_sites[i].device, m_sites[i].shard,
                                                            m_settings, rooms[i].usable()));
    }

    void agreeOnBlocks(AgreedSizes& sizes) const
    {
        const std::uint32_t context = std::max(sizes.maxModelLen, 1U);
        const std::uint64_t wished =
            std::uint64_t{m_settings.max_num_seqs()} * m_ranks.front().sizes.blocksFor(context);
        std::uint64_t blocks = sizes.problem ? m_ranks.front().sizes.blocksFor(context) : wished;
        for (const Measured& rank : m_ranks) {
            const model::Footprint parts = rank.sizes.parts(context);
            const std::uint64_t fixed = parts.weights + parts.activations;
            if (!sizes.problem)
                blocks = std::min(blocks, (rank.room.usable() - fixed) / parts.kvBlock);
            sizes.ranks.push_back({.weights = parts.weights,
                                   .kvBlock = parts.kvBlock,
                                   .activations = parts.activations,
                                   .taken = rank.room.taken(),
                                   .available = rank.room.allowed()});
        }
        sizes.kvBlocks = static_cast<std::uint32_t>(blocks);
        for (std::size_t i = 0; i < m_ranks.size(); ++i)
            if (m_sites[i].device.gpu)
                sizes.ranks[i].placed =
                    sizes.ranks[i].weights + sizes.ranks[i].activations + blocks * sizes.ranks[i].kvBlock;
    }

    [[nodiscard]] Said causeOf(const Measured& rank, std::uint32_t context) const
    {
        const model::Footprint parts = rank.sizes.parts(context);
        const bool says = rank.room.gpu || !rank.site.name.empty();
        std::vector<Said> list{say("part-weights", bytesText(parts.weights)),
                               say("part-kv", bytesText(rank.sizes.blocksFor(context) * parts.kvBlock)),
                               say("part-working", bytesText(parts.activations))};
        if (rank.room.runtime > 0)
            list.push_back(say("part-cuda", bytesText(rank.room.runtime)));
        if (rank.room.communication > 0)
            list.push_back(say("part-communication", bytesText(rank.room.communication)));
        const std::string all = bytesText(rank.sizes.total(context) + rank.room.taken());
        return says ? say("context-needs-of", context, all, nameOf(rank.site), std::move(list), rank.room.said())
                    : say("context-needs", context, all, std::move(list), rank.room.said());
    }

    /// The share of gpu_memory_utilization under which every rank has room; above 1 or 0 when none has.
    [[nodiscard]] double shareFor(std::uint32_t context) const
    {
        double share = 0;
        for (const Measured& rank : m_ranks) {
            const double own = rank.room.shareFor(rank.sizes.total(context));
            if (own == 0)
                return 0;
            share = std::max(share, own);
        }
        return share;
    }

    /// The same for a context that is of use, where none in particular was asked for.
    [[nodiscard]] double usefulShareFor(std::uint32_t context) const
    {
        const double share =
            m_settings.max_model_len() == 0 ? shareFor(std::min(kUsefulContext, m_positions)) : shareFor(context);
        return share > 0 && share <= 1 ? share : shareFor(context);
    }

    /// How to make room on the tightest device; empty when nothing would.
    [[nodiscard]] Said moreRoom(std::uint32_t context) const
    {
        const double share = usefulShareFor(context);
        if (share > 0 && share <= 1)
            return say("do-raise-share", fmt::format("{:.2f}", share));
        const Measured& rank = m_ranks[m_tightest];
        const std::uint64_t all = rank.sizes.total(context) + rank.room.taken();
        if (all <= rank.room.available)
            return {}; // another rank is in the way
        const std::string missing = bytesText(all - rank.room.available);
        if (!rank.room.gpu)
            return rank.site.name.empty() ? say("do-free-memory", missing)
                                          : say("do-free-memory-of", missing, rank.site.name);
        const std::uint64_t held = rank.room.whole - std::min(rank.room.whole, rank.room.free);
        return all <= rank.room.available + held ? say("do-free-memory-of", missing, nameOf(rank.site)) : Said();
    }

    [[nodiscard]] Error doesNotFit(std::uint32_t context, std::uint32_t largest) const
    {
        const Measured& rank = m_ranks[m_tightest];
        std::vector<Said> ways;
        if (Said more = moreRoom(context); !more.empty())
            ways.push_back(std::move(more));
        const bool none = largest < kSmallestContext;
        if (!none)
            ways.insert(ways.begin(), say("do-set-context", largest));
        if (m_ranks.size() > 1)
            ways.push_back(say("do-spread"));
        if (none || rank.room.gpu)
            ways.push_back(rank.room.gpu && !m_footprints.model().awq ? say("do-smaller-or-quantised")
                                                                      : say("do-smaller-checkpoint"));
        if (none && rank.room.gpu && m_ranks.size() == 1)
            ways.push_back(say("do-cpu"));
        Said last = std::move(ways.back()); // there is one: either none fits, or a smaller context does
        ways.pop_back();
        Said remedy = ways.empty() ? std::move(last) : say("any-of", std::move(ways), std::move(last));
        if (none)
            remedy = say("no-context-fits", std::move(remedy));
        return makeError(ErrorCode::DoesNotFit, causeOf(rank, context), std::move(remedy),
                         none ? "gpu_memory_utilization" : "max_model_len");
    }

    Footprints& m_footprints;
    std::span<const RankSite> m_sites;
    const wire::EngineSettings& m_settings;
    std::uint32_t m_positions = 0;
    std::int64_t m_patches = 0;
    std::vector<Measured> m_ranks;
    std::size_t m_tightest = 0;
};

} // namespace

AgreedSizes agreedSizes(Footprints& footprints, std::span<const RankSite> sites, const wire::EngineSettings& settings)
{
    return Agreement(footprints, sites, settings).make();
}

} // namespace argus::plan
