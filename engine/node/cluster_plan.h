#pragma once
// From settings and what the machines say to a deployment: reads the model, asks the workers about their copies, plans.
//
// Lives on the loader's thread, where waiting hurts nobody; report(), gone() and fetching() may be called from any.

#include "engine/base/clock.h"
#include "engine/cluster/workers.h"
#include "engine/node/copy_needs.h"
#include "engine/node/deployment.h"
#include "engine/node/local_machine.h"
#include "engine/node/model_server.h"
#include "engine/node/supervisor.h"
#include "engine/plan/preflight.h"
#include "engine/protocol/client.pb.h"

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace argus::node {

/// A plan and what it was made from.
struct Planned {
    std::shared_ptr<const ModelFolder> model; ///< none when it cannot be read: then there is one problem
    plan::Cluster cluster;
    plan::Preflight preflight;

    /// The first problem that stands in the way.
    [[nodiscard]] std::optional<Error> error() const;
};

class ClusterPlan {
public:
    /// What the machines are like at this moment.
    struct Snapshot {
        std::string headName;
        wire::Inventory inventory;
        std::vector<wire::DeviceMemory> memory;
        std::vector<cluster::WorkerView> workers{};
        std::shared_ptr<const Deployment> running{}; ///< whose memory would be free
        ExecutorFigures figures{};
    };
    /// Sends to a worker.
    using Send = std::function<void(const std::string& worker, wire::HeadToWorker message)>;
    ClusterPlan(std::string version, Send send, ModelServer& server)
        : m_version(std::move(version)), m_send(std::move(send)), m_server(server)
    {
    }

    /// `hurried`: for a form that waits: what is known of copies counts, and workers have a second to say more.
    [[nodiscard]] Planned make(const wire::EngineSettings& settings, const Snapshot& snapshot, bool hurried);
    /// What a worker says of its copy of the model.
    void report(const std::string& worker, wire::ModelReport report);
    /// A worker is not there any more: what it fetched does not come.
    void gone(const std::string& worker, const Said& why);
    /// Bytes of the model that a worker fetches at the moment.
    struct Fetching {
        std::string node;
        std::uint64_t done = 0;
        std::uint64_t total = 0;
    };
    [[nodiscard]] std::optional<Fetching> fetching() const;
    /// Ends a wait.
    void stop();
    /// Model folders are read again.
    void forget();

private:
    [[nodiscard]] Result<std::shared_ptr<const ModelFolder>> modelOf(const wire::EngineSettings& settings);
    [[nodiscard]] plan::Cluster clusterOf(const wire::EngineSettings& settings, const Snapshot& snapshot) const;
    void askCopies(plan::Cluster& cluster, const wire::EngineSettings& settings,
                   const std::shared_ptr<const ModelFolder>& model, bool hurried);
    void fetchCopies(Planned& planned);
    void fetchCopy(plan::ClusterNode& node, const ModelFolder& model, const std::vector<model::Shard>& shards);
    [[nodiscard]] plan::ModelCopy copyOf(const wire::ModelReport& report) const;

    struct Report {
        wire::ModelReport latest;
        std::string asked; ///< the folder
        bool done = false;
        Instant heard;
    };
    std::string m_version;
    Send m_send;
    ModelServer& m_server;
    std::shared_ptr<const ModelFolder> m_model;
    std::string m_modelAsked;
    bool m_modelWeights = false;
    std::vector<wire::ManifestFile> m_manifest; ///< of m_model
    std::shared_ptr<const CopyNeeds> m_needs;   ///< the same files, by ranks
    std::uint64_t m_tickets = 0;

    mutable std::mutex m_mutex; // guards what stands below
    std::condition_variable m_changed;
    std::map<std::string, Report> m_reports; ///< by worker
    std::optional<Fetching> m_fetching;
    bool m_stop = false;
};

[[nodiscard]] wire::PreflightDone toWire(const std::string& id, const Planned& planned);

} // namespace argus::node
