#include "gui/models/engine_form.h"

#include <QUuid>

namespace argus::gui {

namespace {

QString freshId()
{
    return QUuid::createUuid().toString(QUuid::WithoutBraces);
}

/// What a deployment runs with; a head that does not tell is believed what it shows.
EngineSettings settingsOf(const DeploymentFacts& deployment)
{
    if (deployment.settingsKnown)
        return deployment.settings;
    EngineSettings settings;
    settings.model = deployment.demo ? QString() : deployment.path;
    settings.tensorParallel = deployment.tensorParallel;
    settings.pipelineParallel = deployment.pipelineParallel;
    return settings;
}

} // namespace

EngineForm::EngineForm(Link& link, ClusterModel& cluster, QObject* parent)
    : QObject(parent), m_link(link), m_cluster(cluster)
{
    m_timer.setSingleShot(true);
    m_timer.setInterval(kCheckDelayMs);
    connect(&m_timer, &QTimer::timeout, this, &EngineForm::check);
    connect(&cluster, &ClusterModel::factsChanged, this, &EngineForm::follow);
    connect(&link, &Link::preflightArrived, this, [this](const PreflightFacts& facts) {
        if (facts.id != m_checkId || m_checkId.isEmpty())
            return;
        m_checkId.clear();
        m_checkTrouble = {};
        m_preflight = facts;
        emit changed();
    });
    connect(&link, &Link::deployAnswered, this, [this](const QString& id, quint64, const Trouble& trouble) {
        if (id != m_applyId || m_applyId.isEmpty())
            return;
        m_applyId.clear();
        m_applyTrouble = trouble;
        emit changed();
    });
    connect(&link, &Link::commandFailed, this, [this](const QString& about, const Trouble& trouble) {
        if (about.isEmpty() || (about != m_checkId && about != m_applyId))
            return;
        if (about == m_checkId) {
            m_checkId.clear();
            m_preflight.reset();
            m_checkTrouble = trouble;
        } else {
            m_applyId.clear();
            m_applyTrouble = trouble;
        }
        emit changed();
    });
    connect(&link, &Link::stateChanged, this, [this](LinkState state) {
        if (state == LinkState::Connected)
            checkSoon();
        emit changed();
    });
}

void EngineForm::follow()
{
    const EngineSettings running = settingsOf(m_cluster.facts().deployment);
    const bool followed = !m_known || !isChanged();
    m_running = running;
    m_known = true;
    if (followed && !m_wish.sameAs(running)) {
        m_wish = running;
        emit settingsChanged();
    }
    m_wish.rest = running.rest;
    if (outlook() != m_outlook)
        checkSoon();
    emit changed();
}

QString EngineForm::outlook() const
{
    const ClusterFacts& facts = m_cluster.facts();
    QStringList parts{facts.deployment.state, QString::number(facts.deployment.number)};
    for (const NodeFacts& node : facts.nodes)
        parts << node.name << node.state << node.interface << QString::number(node.devices.size());
    return parts.join(QLatin1Char('|'));
}

QStringList EngineForm::changes() const
{
    QStringList names;
    const auto note = [&](bool differs, const char* name) {
        if (differs)
            names << QLatin1String(name);
    };
    note(m_wish.model != m_running.model, "model");
    note(m_wish.tensorParallel != m_running.tensorParallel, "tensor_parallel_size");
    note(m_wish.pipelineParallel != m_running.pipelineParallel, "pipeline_parallel_size");
    note(m_wish.dtype != m_running.dtype, "dtype");
    note(qAbs(m_wish.memoryShare - m_running.memoryShare) >= 0.0005, "gpu_memory_utilization");
    note(m_wish.maxModelLen != m_running.maxModelLen, "max_model_len");
    note(m_wish.maxNumSeqs != m_running.maxNumSeqs, "max_num_seqs");
    note(m_wish.enforceEager != m_running.enforceEager, "enforce_eager");
    note(m_wish.stageLayers != m_running.stageLayers, "stage_layers");
    note(m_wish.loadFormat != m_running.loadFormat, "load_format");
    note(m_wish.device != m_running.device, "device");
    note(m_wish.maxBatchedTokens != m_running.maxBatchedTokens, "max_batched_tokens");
    note(m_wish.nodes != m_running.nodes, "nodes");
    return names;
}

void EngineForm::edit(const EngineSettings& settings)
{
    if (settings.sameAs(m_wish))
        return;
    m_wish = settings;
    m_applyTrouble = {};
    checkSoon();
    emit changed();
}

bool EngineForm::canUse(const Fix& fix)
{
    EngineSettings scratch;
    return scratch.set(fix.setting, fix.value, fix.node);
}

void EngineForm::use(const Fix& fix)
{
    if (!m_wish.set(fix.setting, fix.value, fix.node))
        return;
    m_applyTrouble = {};
    check();
    emit settingsChanged();
    emit changed();
}

void EngineForm::revert()
{
    m_wish = m_running;
    m_applyTrouble = {};
    checkSoon();
    emit settingsChanged();
    emit changed();
}

void EngineForm::watch(bool watching)
{
    m_watching = watching;
    if (watching)
        check();
    else
        m_timer.stop();
    emit changed();
}

void EngineForm::checkSoon()
{
    m_checkId.clear(); // the answer on its way is about something else
    if (m_watching)
        m_timer.start();
}

void EngineForm::check()
{
    m_timer.stop();
    if (!m_watching || !m_known || m_link.state() != LinkState::Connected)
        return;
    m_outlook = outlook();
    m_checkId = freshId();
    m_link.preflight(m_checkId, m_wish);
    emit changed();
}

EngineForm::Obstacle EngineForm::obstacle() const
{
    const DeploymentFacts& deployment = m_cluster.facts().deployment;
    if (m_link.state() != LinkState::Connected || !m_known)
        return Obstacle::NotConnected;
    if (m_cluster.facts().watchOnly)
        return Obstacle::WatchOnly;
    if (!m_applyId.isEmpty() || deployment.isStarting())
        return Obstacle::Starting;
    const bool serves = deployment.state != QLatin1String("failed") && deployment.state != QLatin1String("stopped");
    if (!isChanged() && serves)
        return Obstacle::Unchanged;
    if (isChecking())
        return Obstacle::Checking;
    return m_preflight && m_preflight->possible ? Obstacle::None : Obstacle::Impossible;
}

void EngineForm::apply()
{
    if (obstacle() != Obstacle::None)
        return;
    m_applyTrouble = {};
    m_applyId = freshId();
    m_link.deploy(m_applyId, m_wish);
    emit changed();
}

} // namespace argus::gui
