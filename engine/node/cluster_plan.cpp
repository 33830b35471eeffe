#include "engine/node/cluster_plan.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/log.h"
#include "engine/cluster/manifest.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"

#include <algorithm>
#include <set>

namespace argus::node {
namespace {

constexpr Milliseconds kHurriedPatience{1'000};
/// A worker that hashes says so twice a second.
constexpr Milliseconds kReportSilence{10'000};
constexpr Milliseconds kLongestCheck{30 * 60'000};

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

plan::ModelCopy ClusterPlan::copyOf(const wire::ModelReport& report, const std::vector<wire::ManifestFile>& ours) const
{
    plan::ModelCopy copy{.asked = true, .folder = report.folder(), .weightless = !m_modelWeights};
    copy.freeBytes = report.disk_free();
    if (!report.error().code().empty()) {
        copy.incomplete = report.error().cause().find("is not a folder") == std::string::npos;
        for (const wire::ManifestFile& file : ours)
            copy.missingBytes += file.size();
        copy.canPull = m_modelWeights && copy.freeBytes > copy.missingBytes;
        return copy;
    }
    copy.present = true;
    copy.difference = cluster::differenceOf(ours, {report.files().begin(), report.files().end()});
    return copy;
}

/// Every worker that is there says what it has of the model; those that say nothing in time count as not asked.
void ClusterPlan::askCopies(plan::Cluster& cluster, const wire::EngineSettings& settings, const ModelFolder& model,
                            bool hurried)
{
    cluster.nodes.front().model = {
        .asked = true, .folder = model.path.string(), .present = true, .weightless = !m_modelWeights};
    if (cluster.nodes.size() < 2)
        return;
    if (m_manifest.empty()) {
        cluster::ManifestOptions options{.weights = m_modelWeights, .cache = cacheFolder() / "digests.json"};
        Result<std::vector<wire::ManifestFile>> files = cluster::manifestOf(model.path, options);
        if (!files) {
            log::warn("{}", files.error().text());
            return;
        }
        m_manifest = std::move(*files);
    }
    std::unique_lock lock(m_mutex);
    for (const plan::ClusterNode& node : cluster.nodes) {
        if (node.head || !node.present)
            continue;
        const wire::NodeSettings* own = settingsOf(settings, node.name);
        const std::string folder = own != nullptr && !own->model().empty() ? own->model()
                                   : model.demo                            ? std::string()
                                                                           : model.path.string();
        if (const auto known = m_reports.find(node.name);
            known != m_reports.end() && known->second.done && known->second.asked == folder)
            continue;
        wire::HeadToWorker message;
        message.set_protocol_version(protocol::kVersion);
        wire::CheckModel& check = *message.mutable_check_model();
        check.set_ticket(++m_tickets);
        check.set_folder(folder);
        check.set_name(model.name);
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
            node.model = copyOf(found->second.latest, m_manifest);
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
    askCopies(planned.cluster, settings, **model, hurried);
    const plan::ModelFacts facts{
        .config = (*model)->config, .checkpointBytes = (*model)->checkpointBytes, .name = (*model)->name};
    planned.preflight = plan::preflight(facts, planned.cluster, settings);
    if (!hurried && planned.preflight.possible()) {
        fetchCopies(planned);
        planned.preflight = plan::preflight(facts, planned.cluster, settings);
    }
    return planned;
}

/// Machines that have ranks and no model get it, one after the other.
void ClusterPlan::fetchCopies(Planned& planned)
{
    for (std::size_t n = 0; n < planned.cluster.nodes.size(); ++n) {
        plan::ClusterNode& node = planned.cluster.nodes[n];
        const auto& ranks = planned.preflight.placement->ranks;
        const bool used =
            std::any_of(ranks.begin(), ranks.end(), [&](const plan::PlannedRank& r) { return r.node == n; });
        if (!used || node.head || !node.model.asked || node.model.present || !node.model.canPull)
            continue;
        std::unique_lock lock(m_mutex);
        wire::HeadToWorker message;
        message.set_protocol_version(protocol::kVersion);
        wire::PullModel& pull = *message.mutable_pull_model();
        pull.set_ticket(++m_tickets);
        pull.set_name(planned.model->name);
        std::set<std::string> names;
        for (const wire::ManifestFile& file : m_manifest) {
            *pull.add_files() = file;
            names.insert(file.name());
        }
        log::info("{} fetches {} from here", node.name, planned.model->name);
        m_server.offer(pull.ticket(), planned.model->path, std::move(names));
        Report& report = m_reports[node.name];
        const std::string asked = report.asked;
        report = {.latest = {}, .asked = asked, .done = false, .heard = now()};
        report.latest.set_ticket(pull.ticket());
        m_send(node.name, std::move(message));
        while (!m_stop && !report.done && now() - report.heard < kReportSilence)
            m_changed.wait_for(lock, Milliseconds(200));
        if (report.done)
            node.model = copyOf(report.latest, m_manifest);
        node.model.canPull = false; // it was tried
    }
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
