#pragma once
// A head of the build tree on a free loopback port, with folders of its own, and argus-node as people call it.

#include <QMap>
#include <QProcess>
#include <QProcessEnvironment>
#include <QString>
#include <QStringList>
#include <QTemporaryDir>

#include <nlohmann/json.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace argus::tests {

/// What a program printed and how it ended.
struct Ran {
    int code = -1;
    std::string out;
    std::string err;
    [[nodiscard]] nlohmann::json json() const { return nlohmann::json::parse(out, nullptr, false); }
};

class RunningHead {
public:
    /// `program`: another argus-node than that of the build tree.
    explicit RunningHead(QString program = {});
    /// Kills what still runs.
    ~RunningHead();

    /// Starts `argus-node start --head` and waits until it has said where it listens. False with the reason in
    /// startError.
    bool start(const QStringList& settings = {}, const QString& listen = "127.0.0.1:0");
    QString startError;
    /// Set in the head's environment, and so in its children's; not in that of run(). Before start().
    void set(const QString& variable, const QString& value) { m_variables.insert(variable, value); }
    /// Before start(): the head and its executors obey what faults() says, where fault hooks are compiled in.
    void allowFaults() { set("ARGUS_FAULTS", "@" + m_folder.filePath("faults")); }
    /// Rules from now on, as engine/protocol/fault_hooks.h has them; empty: none.
    void faults(const QString& rules) const;
    [[nodiscard]] QString log() const;
    /// Everything of this head runs in that network namespace.
    void runIn(const QString& space) { m_space = space; }

    /// Runs argus-node with these arguments in this head's folders.
    Ran run(const QStringList& arguments, int patienceMs = 120'000, const QByteArray& input = {}) const;
    /// The same without waiting; `variables` are set for it alone.
    std::unique_ptr<QProcess> begin(const QStringList& arguments, const QMap<QString, QString>& variables = {}) const;
    static Ran finish(QProcess& process, int patienceMs = 120'000);
    /// `argus-node ask --json` with greedy sampling.
    Ran ask(const QStringList& arguments) const;
    nlohmann::json status() const;
    std::string deploymentState() const;
    /// State of a node in words; empty when there is none of that name.
    std::string nodeState(const std::string& name) const;
    /// `argus-node deploy` with these options.
    Ran deploy(const QStringList& options) const;
    [[nodiscard]] int executor() const;

    [[nodiscard]] qint64 pid() const { return m_head.processId(); }
    [[nodiscard]] QString folder() const { return m_folder.path(); }
    [[nodiscard]] QString endpoint() const { return m_endpoint; } ///< HOST:PORT
    [[nodiscard]] QString publicKey() const { return m_key; }
    [[nodiscard]] QProcess& process() { return m_head; }
    /// Children of a process by their program's name (the kernel keeps 15 characters of it).
    static std::vector<int> childrenOf(qint64 pid, const std::string& name = {});
    static bool alive(int pid);

private:
    [[nodiscard]] QProcessEnvironment environment() const;
    QString m_space; ///< network namespace; empty: ours
    QMap<QString, QString> m_variables;
    QString m_program;
    QTemporaryDir m_folder;
    QProcess m_head;
    QString m_endpoint;
    QString m_key;
};

/// A worker of the build tree with folders of its own. Killed at the end, if it still runs.
class RunningWorker {
public:
    explicit RunningWorker(QString name, QStringList options = {"--cpu-devices", "2"});
    ~RunningWorker();

    /// Joins a head with a line of it and waits until the head has taken it in. False with the reason in startError.
    bool join(const RunningHead& head);
    /// The same with a line that was made before; "argus://…".
    bool joinWith(const QString& line, const RunningHead& head);
    /// See RunningHead.
    void set(const QString& variable, const QString& value) { m_variables.insert(variable, value); }
    void allowFaults() { set("ARGUS_FAULTS", "@" + m_folder.filePath("faults")); }
    void faults(const QString& rules) const;
    void runIn(const QString& space) { m_space = space; }
    /// Starts again without a line, as a machine does after a reboot.
    bool rejoin();
    QString startError;

    [[nodiscard]] qint64 pid() const { return m_process ? m_process->processId() : 0; }
    [[nodiscard]] QProcess& process() { return *m_process; }
    [[nodiscard]] QString name() const { return m_name; }
    [[nodiscard]] QString log() const;
    [[nodiscard]] int executor() const;
    [[nodiscard]] QString folder() const { return m_folder.path(); }

private:
    bool begin(const QStringList& arguments);

    QString m_space;
    QMap<QString, QString> m_variables;
    QString m_name;
    QStringList m_options;
    QTemporaryDir m_folder;
    std::unique_ptr<QProcess> m_process;
};

/// Weights of a copy of a model that a worker has from its head.
struct PulledCopy {
    int files = 0;
    qint64 size = 0;
    qint64 there = 0; ///< bytes that have come, as it remembers
    qint64 onDisk = 0;
};
[[nodiscard]] PulledCopy pulledCopy(const RunningWorker& worker, const QString& model);
/// Bytes of a model that a worker fetched the last time, as the head says.
[[nodiscard]] qint64 fetchedLast(const RunningHead& head, const QString& model);

/// Starts a program, in a network namespace if one is named. It dies with the thread that calls this, also when a test
/// is killed by its time limit.
void startIn(QProcess& process, const QString& space, const QString& program, const QStringList& arguments);

/// Looks until it is so, or until the patience ends.
bool eventually(const std::function<bool()>& so, int patienceMs);

QString sample(const QString& name);

/// The stored questions about the sample pictures, with their answers.
nlohmann::json sampleCases();
/// The stored answer of one of them; throws std::invalid_argument for a name that none has. Tests compare with it, not
/// with words of their own, so that they hold whichever weights the demo model has.
std::string storedAnswer(const std::string& name);
/// Arguments for an ask of so many tokens of nonsense, the same ones each time: almost every token is equally likely,
/// those of the stop id included, and with this seed it comes late. Long enough to break things while it is told.
QStringList longAsk(int tokens);
/// How many layers the demo model has.
int demoLayers();
/// One of them as arguments of `argus-node ask`. A medium without a suffix is a clip, whose frames are in NAME.mkv; a
/// history is written into `scratch`.
QStringList argumentsOf(const nlohmann::json& one, const QString& scratch);

} // namespace argus::tests
