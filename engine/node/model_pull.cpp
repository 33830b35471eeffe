#include "engine/node/model_pull.h"

#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/base/sha256.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kWindow = protocol::kUploadCredit * protocol::kChunkBytes;
constexpr std::uint64_t kBetweenReports = 64ULL << 20;

/// Whether a file on the disk is the one of the manifest.
bool isThere(const fs::path& path, const wire::ManifestFile& file)
{
    const Result<std::shared_ptr<const MappedFile>> mapped = MappedFile::open(path);
    return mapped && (*mapped)->bytes().size() == file.size() && sha256((*mapped)->bytes()) == file.sha256();
}

} // namespace

fs::path pulledFolder(const std::string& name)
{
    std::string plain;
    for (const char c : name)
        plain.push_back(c == '/' || c == '\0' ? '-' : c);
    return cacheFolder() / "models" / (plain.empty() || plain.front() == '.' ? "model" + plain : plain);
}

void ModelPull::start(const wire::PullModel& order)
{
    cancel();
    m_ticket = order.ticket();
    m_folder = pulledFolder(order.name());
    m_files.assign(order.files().begin(), order.files().end());
    m_at = 0;
    m_doneBytes = 0;
    m_totalBytes = 0;
    m_told = 0;
    for (const wire::ManifestFile& file : m_files)
        m_totalBytes += file.size();
    std::error_code problem;
    if (Result<Done> cache = makePrivateFolder(m_folder); !cache)
        return fail(std::move(cache).error());
    const fs::space_info space = fs::space(m_folder, problem);
    log::info("fetching {} ({} files, {} MB) from the head", order.name(), m_files.size(), m_totalBytes >> 20);
    if (!problem && space.available < m_totalBytes / 20)
        log::warn("{} MB are free for a model of {} MB", space.available >> 20, m_totalBytes >> 20);
    next();
}

void ModelPull::cancel()
{
    m_ticket = 0;
    m_part.reset();
    m_files.clear();
}

fs::path ModelPull::partOf(const wire::ManifestFile& file) const
{
    return m_folder / (file.name() + ".part");
}

/// The next file that is not here yet.
void ModelPull::next()
{
    while (m_at < m_files.size() && isThere(m_folder / m_files[m_at].name(), m_files[m_at])) {
        m_doneBytes += m_files[m_at].size();
        ++m_at;
    }
    m_offset = 0;
    progress(true);
    if (m_at == m_files.size()) {
        const std::uint64_t ticket = m_ticket;
        cancel();
        return m_port.done(ticket);
    }
    const wire::ManifestFile& file = m_files[m_at];
    m_part.reset(::open(partOf(file).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    struct stat info = {};
    if (!m_part.valid() || ::fstat(m_part.get(), &info) != 0)
        return fail({ErrorCode::Io, fmt::format("cannot write {}: {}", partOf(file).string(), systemError(errno)),
                     "check the disk and its permissions", "model"});
    m_offset = std::min(static_cast<std::uint64_t>(info.st_size), file.size()); // goes on where it stopped
    m_asked = m_offset;
    if (m_offset == file.size())
        return finishFile();
    askMore();
}

void ModelPull::askMore()
{
    const wire::ManifestFile& file = m_files[m_at];
    if (m_asked >= file.size() || m_asked > m_offset + kWindow)
        return;
    wire::PullChunks ask;
    ask.set_ticket(m_ticket);
    ask.set_file(file.name());
    ask.set_offset(m_asked);
    ask.set_chunks(protocol::kUploadCredit);
    m_asked = std::min(m_asked + kWindow, file.size());
    m_port.ask(std::move(ask));
}

void ModelPull::chunk(const wire::ModelChunk& chunk)
{
    if (m_ticket == 0 || chunk.ticket() != m_ticket || m_at >= m_files.size() || chunk.file() != m_files[m_at].name())
        return; // of a pull that nobody wants any more
    if (!chunk.error().code().empty())
        return fail(protocol::fromWire(chunk.error()));
    if (chunk.offset() != m_offset || chunk.data().empty() || chunk.data().size() > m_files[m_at].size() - m_offset)
        return fail({ErrorCode::Corrupt, fmt::format("{} comes in pieces that do not fit", chunk.file()),
                     "deploy again", "model"});
    const auto size = static_cast<ssize_t>(chunk.data().size());
    if (::pwrite(m_part.get(), chunk.data().data(), chunk.data().size(), static_cast<off_t>(m_offset)) != size)
        return fail({ErrorCode::Io, fmt::format("cannot write {}: {}", chunk.file(), systemError(errno)),
                     fmt::format("make room in {} and deploy again: what has come is kept", m_folder.string()),
                     "model"});
    m_offset += chunk.data().size();
    progress(false);
    if (m_offset == m_files[m_at].size())
        return finishFile();
    askMore();
}

void ModelPull::finishFile()
{
    const wire::ManifestFile& file = m_files[m_at];
    m_part.reset();
    std::error_code problem;
    if (!isThere(partOf(file), file)) {
        fs::remove(partOf(file), problem); // begun from another version, perhaps: fetched anew
        return fail({ErrorCode::Corrupt, fmt::format("{} did not come as the head has it", file.name()),
                     "deploy again: it is fetched anew", "model"});
    }
    fs::rename(partOf(file), m_folder / file.name(), problem);
    if (problem)
        return fail({ErrorCode::Io, fmt::format("cannot rename {}: {}", partOf(file).string(), problem.message()),
                     "check the disk and its permissions", "model"});
    next();
}

void ModelPull::progress(bool always)
{
    const std::uint64_t done = m_doneBytes + m_offset;
    if (!always && done < m_told + kBetweenReports)
        return;
    m_told = done;
    wire::ModelReport report;
    report.set_ticket(m_ticket);
    report.set_folder(m_folder.string());
    report.set_hashed_bytes(done);
    report.set_total_bytes(m_totalBytes);
    m_port.report(std::move(report));
}

void ModelPull::fail(const Error& error)
{
    log::error("fetching the model: {}", error.text());
    wire::ModelReport report;
    report.set_ticket(m_ticket);
    report.set_folder(m_folder.string());
    *report.mutable_error() = protocol::toWire(error);
    m_port.report(std::move(report));
    cancel();
}

} // namespace argus::node
