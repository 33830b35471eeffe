#include "engine/node/model_check.h"

#include "engine/base/clock.h"
#include "engine/base/files.h"
#include "engine/cluster/manifest.h"
#include "engine/node/model_pull.h"
#include "engine/protocol/validate.h"

#include <pthread.h>

#include <filesystem>
#include <mutex>

namespace argus::node {
namespace fs = std::filesystem;
namespace {

constexpr Milliseconds kBetweenReports{500};

/// Where the model would be here: the folder of that path; for the built-in one this installation's own; where there is
/// none, the copy that was or will be fetched from the head.
fs::path folderOf(const wire::CheckModel& check)
{
    fs::path folder = check.folder();
    if (check.folder().empty())
        if (const Result<fs::path> resources = resourceFolder(); resources)
            folder = *resources / "demo-model";
    std::error_code ignored;
    return fs::exists(folder / "config.json", ignored) ? folder : pulledFolder(check.name());
}

std::uint64_t diskFree(fs::path path)
{
    std::error_code problem;
    while (!path.empty() && !fs::exists(path, problem) && path != path.parent_path())
        path = path.parent_path();
    const fs::space_info space = fs::space(path.empty() ? fs::path("/") : path, problem);
    return problem ? 0 : space.available;
}

} // namespace

void ModelCheck::start(const wire::CheckModel& check)
{
    cancel();
    m_stop.store(false);
    m_thread = std::thread([this, check] { work(check); });
}

void ModelCheck::cancel()
{
    m_stop.store(true);
    if (m_thread.joinable())
        m_thread.join();
}

void ModelCheck::work(const wire::CheckModel& check)
{
    ::pthread_setname_np(::pthread_self(), "argus-checks");
    const fs::path folder = folderOf(check);
    wire::ModelReport report;
    report.set_ticket(check.ticket());
    report.set_folder(folder.string());
    report.set_pulled(folder == pulledFolder(check.name()));
    report.set_disk_free(diskFree(pulledFolder(check.name()))); // nothing is ever added to a folder of somebody's own
    std::mutex mutex;                                           // hashing has several threads
    Instant told = now();
    cluster::ManifestOptions options{
        .weights = check.weights(), .cache = cacheFolder() / "digests.json", .stop = &m_stop};
    options.pulled = report.pulled();
    options.progress = [&](std::uint64_t done, std::uint64_t total) {
        const std::scoped_lock lock(mutex);
        if (now() - told < kBetweenReports)
            return;
        told = now();
        wire::ModelReport progress = report;
        progress.set_hashed_bytes(done);
        progress.set_total_bytes(total);
        m_report(std::move(progress));
    };
    if (Result<Done> cache = makePrivateFolder(cacheFolder()); !cache)
        options.cache.clear();
    Result<std::vector<wire::ManifestFile>> files = cluster::manifestOf(folder, options);
    if (m_stop.load())
        return;
    if (files)
        for (wire::ManifestFile& file : *files)
            *report.add_files() = std::move(file);
    else
        *report.mutable_error() = protocol::toWire(files.error());
    m_report(std::move(report));
}

} // namespace argus::node
