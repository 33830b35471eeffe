#include "engine/node/cluster_plan.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/cluster/manifest.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <algorithm>
#include <utility>

namespace argus::node {
namespace {

constexpr Milliseconds kHurriedPatience{1'000};
/// A worker that hashes says so twice a second.
constexpr Milliseconds kReportSilence{10'000};
constexpr Milliseconds kLongestCheck{30 * 60'000};
/// In the log, while a copy is fetched.
constexpr Milliseconds kBetweenWords{5'000};

/// Where the head keeps what it hands out besides its files.
std::filesystem::path blockLists()
{
    return cacheFolder() / "blocks";
}

/// A copy that is not whole may get room, or files, at any moment; looking again costs little, since digests are kept.
bool isSettled(const wire::ModelReport& report)
{
    return report.error().code().empty() && !report.pulled();
}

const wire::NodeSettings* settingsOf(const wire::EngineSettings& settings, const std::string& node)
{
    for (const wire::NodeSettings& each : settings.nodes())
        if (each.node() == node)
            return &each;
    return nullptr;
}

/// What the deployment of the moment holds of a device counts as free: it ends before another one begins.
void freeWhatRuns(plan::Cluster& cluster, const ClusterPlan::Snapshot& snapshot)
{
    if (!snapshot.running)
        return;
    for (const plan::PlannedRank& rank : snapshot.running->placement.ranks) {
        const auto figures = snapshot.figures.ranks.find(static_cast<std::uint32_t>(rank.rank));
        if (figures == snapshot.figures.ranks.end() || !figures->second.loaded || rank.node >= cluster.nodes.size() ||
            rank.device >= cluster.nodes[rank.node].devices.size())
            continue;
        plan::ClusterDevice& device = cluster.nodes[rank.node].devices[rank.device];
        const wire::Loaded& loaded = *figures->second.loaded;
        // The driver has told of a GPU already; mapped weights of a CPU count as free with the kernel.
        if (!device.gpu)
            device.memoryFree = std::min(device.memoryTotal, device.memoryFree + loaded.kv_bytes());
    }
}

void setInterface(plan::ClusterNode& node, const wire::Inventory& inventory, const std::string& name)
{
    node.interface = name;
    for (const wire::NetworkInterface& interface : inventory.interfaces())
        if (interface.name() == name) {
            node.address = interface.address();
            node.prefixBits = static_cast<int>(interface.prefix_bits());
            node.mtu = interface.mtu();
            node.publicAddress = isPublicAddress(interface.address());
        }
}

} // namespace

std::optional<Error> Planned::error() const
{
    for (const plan::Problem& problem : preflight.problems)
        if (!problem.warning)
            return problem.error;
    return std::nullopt;
}

void ClusterPlan::forget()
{
    m_model.reset();
    m_manifest.clear();
    m_needs.reset();
    const std::scoped_lock lock(m_mutex);
    m_reports.clear();
}

void ClusterPlan::stop()
{
    const std::scoped_lock lock(m_mutex);
    m_stop = true;
    m_changed.notify_all();
}

Result<std::shared_ptr<const ModelFolder>> ClusterPlan::modelOf(const wire::EngineSettings& settings)
{
    const bool weights = settings.load_format() != "dummy";
    if (m_model && m_modelAsked == settings.model() && m_modelWeights == weights)
        return m_model;
    Result<std::shared_ptr<const ModelFolder>> model = readModelFolder(settings.model(), weights);
    if (!model)
        return model;
    m_model = *model;
    m_modelAsked = settings.model();
    m_modelWeights = weights;
    m_manifest.clear();
    m_needs.reset();
    const std::scoped_lock lock(m_mutex);
    m_reports.clear();
    return model;
}

plan::Cluster ClusterPlan::clusterOf(const wire::EngineSettings& settings, const Snapshot& snapshot) const
{
    plan::Cluster cluster;
    plan::ClusterNode& head =
        cluster.nodes.emplace_back(clusterNodeOf(snapshot.headName, snapshot.inventory, snapshot.memory));
    head.head = true;
    head.version = m_version;
    const auto towards = std::find_if(snapshot.workers.begin(), snapshot.workers.end(),
                                      [](const cluster::WorkerView& worker) { return worker.present(); });
    if (towards != snapshot.workers.end())
        setInterface(head, snapshot.inventory,
                     interfaceBeside(towards->address,
                                     {snapshot.inventory.interfaces().begin(), snapshot.inventory.interfaces().end()}));
    for (const cluster::WorkerView& worker : snapshot.workers) {
        plan::ClusterNode& node =
            cluster.nodes.emplace_back(clusterNodeOf(worker.name, worker.inventory, worker.memory));
        node.present = worker.present();
        if (!node.present)
            node.absence = worker.why.empty() ? say("why-joining") : worker.why;
        node.version = worker.version;
        node.roundTripSeconds = worker.roundTripSeconds;
        node.linkBytesPerSecond = worker.linkBytesPerSecond;
        node.clockAheadSeconds = worker.clockAheadSeconds;
    }
    for (std::size_t i = 0; i < cluster.nodes.size(); ++i)
        if (const wire::NodeSettings* own = settingsOf(settings, cluster.nodes[i].name);
            own != nullptr && !own->interface().empty())
            setInterface(cluster.nodes[i], i == 0 ? snapshot.inventory : snapshot.workers[i - 1].inventory,
                         own->interface());
    freeWhatRuns(cluster, snapshot);
    return cluster;
}

/// A folder of somebody's own has to be like the head's; to the copy that came from the head the rest is added.
plan::ModelCopy ClusterPlan::copyOf(const wire::ModelReport& report) const
{
    plan::ModelCopy copy{.asked = true, .folder = report.folder(), .weightless = !m_modelWeights};
    copy.freeBytes = report.disk_free();
    const bool failed = !report.error().code().empty();
    if (!failed && !report.pulled()) {
        copy.present = true;
        copy.difference = cluster::differenceOf(m_manifest, {report.files().begin(), report.files().end()});
        return copy;
    }
    copy.incomplete = !failed || report.error().cause().find("is not a folder") == std::string::npos;
    copy.canPull = m_modelWeights;
    copy.missingFor = [needs = m_needs, there = std::vector(report.files().begin(), report.files().end())](
                          const std::vector<model::Shard>& shards) { return needs->missing(shards, there); };
    copy.missingBytes = copy.missing({});
    return copy;
}

/// Every worker that is there says what it has of the model; those that say nothing in time count as not asked.
void ClusterPlan::askCopies(plan::Cluster& cluster, const wire::EngineSettings& settings,
                            const std::shared_ptr<const ModelFolder>& model, bool hurried)
{
    cluster.nodes.front().model = {
        .asked = true, .folder = model->path.string(), .present = true, .weightless = !m_modelWeights};
    if (cluster.nodes.size() < 2)
        return;
    if (m_manifest.empty()) {
        const cluster::ManifestOptions options{
            .weights = m_modelWeights, .cache = cacheFolder() / "digests.json", .lists = blockLists()};
        Result<std::vector<wire::ManifestFile>> files = cluster::manifestOf(model->path, options);
        if (!files) {
            log::warn("{}", files.error().text());
            return;
        }
        m_manifest = std::move(*files);
        m_needs = std::make_shared<CopyNeeds>(model, m_manifest);
    }
    std::unique_lock lock(m_mutex);
    for (const plan::ClusterNode& node : cluster.nodes) {
        if (node.head || !node.present)
            continue;
        const wire::NodeSettings* own = settingsOf(settings, node.name);
        const std::string folder = own != nullptr && !own->model().empty() ? own->model()
                                   : model->demo                           ? std::string()
                                                                           : model->path.string();
        if (const auto known = m_reports.find(node.name);
            known != m_reports.end() && known->second.done && known->second.asked == folder &&
            isSettled(known->second.latest))
            continue;
        wire::HeadToWorker message;
        message.set_protocol_version(protocol::kVersion);
        wire::CheckModel& check = *message.mutable_check_model();
        check.set_ticket(++m_tickets);
        check.set_folder(folder);
        check.set_name(model->name);
        check.set_contents(true);
        check.set_weights(m_modelWeights);
        m_reports[node.name] = {.latest = {}, .asked = folder, .done = false, .heard = now()};
        m_reports[node.name].latest.set_ticket(check.ticket());
        m_send(node.name, std::move(message));
    }
    const Instant begun = now();
    const auto settled = [&] {
        return std::all_of(cluster.nodes.begin(), cluster.nodes.end(), [&](const plan::ClusterNode& node) {
            const auto found = m_reports.find(node.name);
            return node.head || !node.present || found == m_reports.end() || found->second.done ||
                   now() - found->second.heard > kReportSilence;
        });
    };
    const Milliseconds patience = hurried ? kHurriedPatience : kLongestCheck;
    while (!m_stop && !settled() && now() - begun < patience)
        m_changed.wait_for(lock, Milliseconds(200));
    for (plan::ClusterNode& node : cluster.nodes)
        if (const auto found = m_reports.find(node.name); found != m_reports.end() && found->second.done)
            node.model = copyOf(found->second.latest);
}

void ClusterPlan::gone(const std::string& worker, const Said& why)
{
    const std::scoped_lock lock(m_mutex);
    if (!m_fetching || m_fetching->node != worker)
        return;
    Report& report = m_reports[worker];
    report.done = true;
    *report.latest.mutable_error() = protocol::toWire(
        makeError(ErrorCode::Unreachable, say("gone-while-fetching", why), say("do-start-there"), "model"));
    m_changed.notify_all();
}

std::optional<ClusterPlan::Fetching> ClusterPlan::fetching() const
{
    const std::scoped_lock lock(m_mutex);
    return m_fetching;
}

void ClusterPlan::report(const std::string& worker, wire::ModelReport report)
{
    const std::scoped_lock lock(m_mutex);
    const auto found = m_reports.find(worker);
    if (found == m_reports.end() || found->second.latest.ticket() != report.ticket())
        return; // of a question that nobody asks any more
    found->second.done = report.files_size() > 0 || !report.error().code().empty();
    found->second.latest = std::move(report);
    found->second.heard = now();
    m_changed.notify_all();
}

Planned ClusterPlan::make(const wire::EngineSettings& settings, const Snapshot& snapshot, bool hurried)
{
    Planned planned;
    planned.cluster = clusterOf(settings, snapshot);
    Result<std::shared_ptr<const ModelFolder>> model = modelOf(settings);
    if (!model) {
        planned.preflight.settings = settings;
        planned.preflight.problems.push_back({.code = "MOD-03", .error = std::move(model).error()});
        return planned;
    }
    planned.model = *model;
    askCopies(planned.cluster, settings, *model, hurried);
    const plan::ModelFacts facts{
        .config = (*model)->config, .checkpointBytes = (*model)->checkpointBytes, .name = (*model)->name};
    planned.preflight = plan::preflight(facts, planned.cluster, settings);
    if (!hurried && planned.preflight.possible()) {
        fetchCopies(planned);
        planned.preflight = plan::preflight(facts, planned.cluster, settings);
    }
    return planned;
}

/// Machines that lack something of what their ranks need get it, one after the other.
void ClusterPlan::fetchCopies(Planned& planned)
{
    for (std::size_t n = 0; n < planned.cluster.nodes.size(); ++n) {
        plan::ClusterNode& node = planned.cluster.nodes[n];
        std::vector<model::Shard> shards;
        for (const plan::PlannedRank& rank : planned.preflight.placement->ranks)
            if (rank.node == n)
                shards.push_back(rank.shard);
        const plan::ModelCopy& copy = node.model;
        if (shards.empty() || node.head || !copy.asked || copy.present || !copy.canPull || copy.missing(shards) == 0)
            continue;
        fetchCopy(node, *planned.model, shards);
    }
}

void ClusterPlan::fetchCopy(plan::ClusterNode& node, const ModelFolder& model, const std::vector<model::Shard>& shards)
{
    const std::uint64_t missing = node.model.missing(shards);
    log::info("{} fetches {} bytes of {} from here", node.name, missing, model.name);
    std::unique_lock lock(m_mutex);
    wire::HeadToWorker message;
    message.set_protocol_version(protocol::kVersion);
    wire::PullModel& pull = *message.mutable_pull_model();
    pull.set_ticket(++m_tickets);
    pull.set_name(model.name);
    ModelServer::Offer offer{.folder = model.path, .files = {}, .lists = blockLists()};
    for (wire::ManifestFile& file : m_needs->filesFor(shards)) {
        offer.files[file.name()] = file.sha256();
        *pull.add_files() = std::move(file);
    }
    m_server.offer(pull.ticket(), std::move(offer));
    Report& report = m_reports[node.name];
    const std::string asked = report.asked;
    report = {.latest = {}, .asked = asked, .done = false, .heard = now()};
    report.latest.set_ticket(pull.ticket());
    m_send(node.name, std::move(message));
    m_fetching = Fetching{.node = node.name, .done = 0, .total = missing};
    Instant told = now();
    while (!m_stop && !report.done && now() - report.heard < kReportSilence) {
        m_changed.wait_for(lock, Milliseconds(200));
        if (report.latest.total_bytes() > 0 && !report.latest.pulled()) { // else it looks through what has come
            m_fetching->done = report.latest.hashed_bytes();
            m_fetching->total = report.latest.total_bytes();
        }
        if (now() - told < kBetweenWords)
            continue;
        told = now();
        log::info("{} has {} of {} bytes", node.name, m_fetching->done, m_fetching->total);
    }
    m_fetching.reset();
    if (report.done) {
        const plan::ModelCopy before = std::exchange(node.model, copyOf(report.latest));
        if (!report.latest.error().code().empty()) {
            node.model.missingFor = before.missingFor; // at most; some of it may have come
            node.model.failure = protocol::fromWire(report.latest.error());
        } else {
            log::info("{} has fetched {} bytes of {}", node.name, missing, model.name);
        }
    } else {
        node.model.failure =
            makeError(ErrorCode::Timeout, say("fetching-stopped", model.name, kReportSilence.count() / 1000),
                      say("do-look-at-network"), "model");
    }
    node.model.canPull = false; // it was tried
}

namespace {

void addProblem(wire::PreflightDone& done, const plan::Problem& problem)
{
    wire::Problem& out = *done.add_problems();
    out.set_code(problem.code);
    out.set_warning(problem.warning);
    *out.mutable_error() = protocol::toWire(problem.error);
    out.set_node(problem.node);
    for (const plan::Fix& fix : problem.fixes) {
        wire::Fix& button = *out.add_fixes();
        button.set_text(fix.text);
        button.set_setting(fix.setting);
        button.set_value(fix.value);
        button.set_node(fix.node);
    }
}

void addRank(wire::PreflightDone& done, const plan::PlannedRank& rank, const plan::Cluster& cluster)
{
    const plan::ClusterNode& node = cluster.nodes[rank.node];
    const plan::ClusterDevice& device = node.devices[rank.device];
    wire::PlannedRank& out = *done.add_ranks();
    out.set_rank(static_cast<std::uint32_t>(rank.rank));
    out.set_stage(static_cast<std::uint32_t>(rank.shard.stage));
    out.set_tensor_rank(static_cast<std::uint32_t>(rank.shard.tensorRank));
    out.set_node(node.name);
    out.set_device(device.text());
    out.set_device_name(device.name);
    *out.mutable_device_name_said() = protocol::toWire(device.nameSaid);
    out.set_first_layer(static_cast<std::uint32_t>(rank.shard.firstLayer));
    out.set_end_layer(static_cast<std::uint32_t>(rank.shard.endLayer));
    out.set_weights_bytes(rank.weightBytes);
    out.set_kv_bytes(rank.kvBytes);
    out.set_activation_bytes(rank.activationBytes);
    out.set_runtime_bytes(rank.runtimeBytes);
    out.set_usable_bytes(rank.usableBytes);
    out.set_total_bytes(device.memoryTotal);
}

} // namespace

wire::PreflightDone toWire(const std::string& id, const Planned& planned)
{
    const plan::Preflight& preflight = planned.preflight;
    wire::PreflightDone done;
    done.set_id(id);
    done.set_possible(preflight.possible());
    for (const plan::Problem& problem : preflight.problems)
        addProblem(done, problem);
    for (const plan::PlannedRank& rank : preflight.placement ? preflight.placement->ranks : preflight.attempt)
        addRank(done, rank, planned.cluster);
    *done.mutable_settings() = preflight.placement ? preflight.placement->settings : preflight.settings;
    if (planned.model)
        done.set_model_name(planned.model->name);
    if (preflight.placement) {
        done.set_max_model_len(preflight.placement->maxModelLen);
        done.set_kv_tokens(std::uint64_t{preflight.placement->kvBlocks} * preflight.placement->kvBlockTokens);
    }
    done.set_largest_context(preflight.largestContext);
    for (const int size : preflight.tensorSizes)
        done.add_tensor_parallel_sizes(static_cast<std::uint32_t>(size));
    for (const int size : preflight.pipelineSizes)
        done.add_pipeline_parallel_sizes(static_cast<std::uint32_t>(size));
    for (const std::string& type : preflight.dtypes)
        done.add_dtypes(type);
    for (const Said& remark : preflight.remarks) {
        done.add_remarks(english(remark));
        *done.add_remarks_said() = protocol::toWire(remark);
    }
    return done;
}

} // namespace argus::node
