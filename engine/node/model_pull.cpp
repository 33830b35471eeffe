#include "engine/node/model_pull.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/cluster/manifest.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

/// Asked for at a time; as much again may be on its way.
constexpr std::uint64_t kWindow = protocol::kUploadCredit * protocol::kChunkBytes;
/// A process that is killed loses no more.
constexpr std::uint64_t kBetweenKeeping = 64ULL << 20;
/// The head gives up on a machine that it does not hear.
constexpr Milliseconds kBetweenReports{1'000};

} // namespace

fs::path pulledFolder(const std::string& name)
{
    std::string plain;
    for (const char c : name)
        plain.push_back(c == '/' || c == '\0' ? '-' : c);
    return cacheFolder() / "models" / (plain.empty() || plain.front() == '.' ? "model" + plain : plain);
}

void ModelPull::Walk::step(const ByteRanges& ranges, std::uint64_t bytes)
{
    passed += bytes;
    inRange += bytes;
    if (range < ranges.list().size() && inRange == ranges.list()[range].size()) {
        ++range;
        inRange = 0;
    }
}

void ModelPull::start(const wire::PullModel& order)
{
    cancel();
    m_ticket = order.ticket();
    m_folder = pulledFolder(order.name());
    m_at = 0;
    m_doneBytes = 0;
    m_totalBytes = 0;
    m_kept = 0;
    if (Result<Done> all = makePrivateFolder(m_folder.parent_path()); !all)
        return fail(std::move(all).error());
    Result<CopyHold> hold = CopyHold::take(m_folder, CopyHold::Use::Fetched);
    if (!hold)
        return fail(std::move(hold).error());
    m_hold = std::move(*hold);
    if (Result<Done> cache = makePrivateFolder(m_folder); !cache)
        return fail(std::move(cache).error());
    std::uint64_t wholeBytes = 0;
    for (const wire::ManifestFile& file : order.files()) {
        wholeBytes += file.size();
        if (std::optional<ByteRanges> missing = missingOf(m_folder, file)) {
            m_totalBytes += missing->bytes();
            m_files.push_back({.file = file, .missing = std::move(*missing)});
        }
    }
    log::info("fetching {} bytes of {} from the head, in {} of its {} files ({} bytes in all)", m_totalBytes,
              order.name(), m_files.size(), order.files_size(), wholeBytes);
    if (Result<Done> room = requireRoom(); !room)
        return fail(std::move(room).error());
    next();
}

/// Only what is to come takes room: what a file has not, it has not on the disk either.
Result<Done> ModelPull::requireRoom() const
{
    std::error_code problem;
    const fs::space_info space = fs::space(m_folder, problem);
    if (problem || space.available >= m_totalBytes)
        return Done{};
    return makeError(ErrorCode::DoesNotFit, say("fetch-no-room", space.available, m_folder.string(), m_totalBytes),
                     say("do-free-for-fetch", m_totalBytes - space.available), "model");
}

void ModelPull::cancel()
{
    if (m_file)
        if (const Result<Done> kept = m_file->keep(); !kept)
            log::warn("{}", kept.error().text());
    m_file.reset();
    m_ticket = 0;
    m_files.clear();
    m_hold.reset();
}

/// The next file of which something is missing.
void ModelPull::next()
{
    m_file.reset();
    progress(true);
    if (m_at == m_files.size()) {
        const std::optional<CopyHold> until = std::exchange(m_hold, std::nullopt);
        const std::uint64_t ticket = m_ticket;
        cancel();
        return m_port.done(ticket);
    }
    Result<std::unique_ptr<PulledFile>> file = openPulled(m_folder, m_files[m_at].file);
    if (!file)
        return fail(std::move(file).error());
    m_file = std::move(*file);
    begin(m_file->listBytes() > 0);
}

void ModelPull::begin(bool list)
{
    m_inList = list;
    m_list.clear();
    m_coming = list ? ByteRanges({0, m_file->listBytes()}) : m_files[m_at].missing;
    m_asked = {};
    m_come = {};
    if (!m_coming.empty())
        return askMore();
    if (Result<Done> settled = settle(); !settled)
        fail(std::move(settled).error());
}

void ModelPull::askMore()
{
    while (m_asked.range < m_coming.list().size() && m_asked.passed <= m_come.passed + kWindow) {
        const ByteRange& range = m_coming.list()[m_asked.range];
        const std::uint64_t bytes = std::min(range.size() - m_asked.inRange, kWindow);
        wire::PullChunks ask;
        ask.set_ticket(m_ticket);
        ask.set_file(m_files[m_at].file.name());
        ask.set_digests(m_inList);
        ask.set_offset(range.begin + m_asked.inRange);
        ask.set_chunks(static_cast<std::uint32_t>((bytes + protocol::kChunkBytes - 1) / protocol::kChunkBytes));
        m_asked.step(m_coming, bytes);
        m_port.ask(std::move(ask));
    }
}

void ModelPull::chunk(const wire::ModelChunk& chunk)
{
    if (m_ticket == 0 || chunk.ticket() != m_ticket || !m_file || chunk.file() != m_files[m_at].file.name())
        return; // of a pull that nobody wants any more
    if (!chunk.error().code().empty())
        return fail(protocol::fromWire(chunk.error()));
    if (Result<Done> taken = take(chunk); !taken)
        fail(std::move(taken).error());
}

void ModelPull::again()
{
    if (!busy() || !m_file)
        return;
    m_asked = m_come;
    askMore();
}

void ModelPull::broken(const Error& error)
{
    if (busy())
        fail(error);
}

Result<Done> ModelPull::take(const wire::ModelChunk& chunk)
{
    const ByteRange* const range = m_come.range < m_coming.list().size() ? &m_coming.list()[m_come.range] : nullptr;
    const std::uint64_t size = chunk.data().size();
    if (range == nullptr || chunk.digests() != m_inList || chunk.offset() != range->begin + m_come.inRange ||
        size != std::min<std::uint64_t>(protocol::kChunkBytes, range->size() - m_come.inRange))
        return makeError(ErrorCode::Corrupt, say("pieces-misfit", chunk.file()), say("do-deploy-again"), "model");
    if (m_inList)
        m_list += chunk.data();
    else if (Result<Done> taken = m_file->take(chunk.offset(), chunk.data()); !taken)
        return taken;
    m_come.step(m_coming, size);
    if (!m_inList) {
        m_doneBytes += size;
        if (Result<Done> kept = keepSometimes(); !kept)
            return kept;
        progress(false);
    }
    if (m_come.range == m_coming.list().size())
        return settle();
    askMore();
    return Done{};
}

/// The list, or what was missing of the file, has come.
Result<Done> ModelPull::settle()
{
    if (m_inList) {
        if (Result<Done> taken = m_file->takeList(std::move(m_list)); !taken)
            return taken;
        begin(false);
        return Done{};
    }
    if (Result<Done> finished = m_file->finish(); !finished)
        return finished;
    ++m_at;
    next();
    return Done{};
}

/// So that little is fetched again when this ends in the middle of a file.
Result<Done> ModelPull::keepSometimes()
{
    if (m_doneBytes < m_kept + kBetweenKeeping)
        return Done{};
    m_kept = m_doneBytes;
    return m_file->keep();
}

void ModelPull::progress(bool always)
{
    if (!always && now() - m_told < kBetweenReports)
        return;
    m_told = now();
    wire::ModelReport report;
    report.set_ticket(m_ticket);
    report.set_folder(m_folder.string());
    report.set_hashed_bytes(m_doneBytes);
    report.set_total_bytes(m_totalBytes);
    m_port.report(std::move(report));
}

/// A disk that has filled up since room was looked for: with the bytes that somebody has to find.
Error ModelPull::explained(const Error& error) const
{
    std::error_code problem;
    const fs::space_info space = fs::space(m_folder, problem);
    const std::uint64_t left = m_totalBytes - m_doneBytes;
    if (error.code != ErrorCode::Io || problem || space.available >= left || m_at >= m_files.size())
        return error;
    return makeError(ErrorCode::DoesNotFit,
                     say("fetch-disk-full", (m_folder / m_files[m_at].file.name()).string(), space.available, left),
                     say("do-free-for-fetch", left - space.available), "model");
}

void ModelPull::fail(const Error& cause)
{
    const Error error = explained(cause);
    log::error("fetching the model: {}", error.text());
    wire::ModelReport report;
    report.set_ticket(m_ticket);
    report.set_folder(m_folder.string());
    report.set_pulled(true);
    *report.mutable_error() = protocol::toWire(error);
    m_port.report(std::move(report));
    cancel();
}

} // namespace argus::node
