#include "tests/system/running_head.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QProcessEnvironment>
#include <QRegularExpression>
#include <QThread>

#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>

namespace argus::tests {
namespace {

/// Parent and name from /proc/PID/stat; the name may hold blanks and brackets.
bool readStat(int pid, int& parent, std::string& name, char& state)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line))
        return false;
    const std::size_t open = line.find('(');
    const std::size_t close = line.rfind(')');
    if (open == line.npos || close == line.npos)
        return false;
    name = line.substr(open + 1, close - open - 1);
    std::istringstream rest(line.substr(close + 1));
    return static_cast<bool>(rest >> state >> parent);
}

QString contentsOf(const QString& name)
{
    QFile file(name);
    return file.open(QIODevice::ReadOnly) ? QString::fromUtf8(file.readAll()) : QString();
}

/// At once for whoever reads it.
void replaceFile(const QString& name, const QString& text)
{
    std::ofstream((name + ".new").toStdString()) << text.toStdString();
    std::filesystem::rename((name + ".new").toStdString(), name.toStdString());
}

} // namespace

bool eventually(const std::function<bool()>& so, int patienceMs)
{
    QElapsedTimer timer;
    timer.start();
    while (!so()) {
        if (timer.elapsed() > patienceMs)
            return false;
        QThread::msleep(20);
    }
    return true;
}

QString sample(const QString& name)
{
    return QString(ARGUS_SOURCE_DIR "/resources/samples/") + name;
}

nlohmann::json sampleCases()
{
    std::ifstream file(sample("cases.json").toStdString());
    return nlohmann::json::parse(file)["cases"];
}

std::string storedAnswer(const std::string& name)
{
    for (const nlohmann::json& one : sampleCases())
        if (one["name"] == name)
            return one["answer"].get<std::string>();
    throw std::invalid_argument("no sample is called " + name);
}

QStringList longAsk(int tokens)
{
    QStringList arguments{"ask", "--temperature", "100", "--top-p", "1", "--repetition-penalty", "10", "--seed", "3"};
    arguments << "--max-tokens" << QString::number(tokens) << "--image" << sample("five-shapes-800x600.png");
    return arguments << "Describe this image.";
}

int demoLayers()
{
    std::ifstream file(ARGUS_SOURCE_DIR "/resources/demo-model/config.json");
    return nlohmann::json::parse(file)["num_hidden_layers"].get<int>();
}

QStringList argumentsOf(const nlohmann::json& one, const QString& scratch)
{
    QStringList arguments;
    for (const nlohmann::json& medium : one["media"]) {
        const QString name = QString::fromStdString(medium.get<std::string>());
        if (name.contains('.'))
            arguments << "--image" << sample(name);
        else
            arguments << "--video" << sample(name + ".mkv");
    }
    if (!one["history"].empty()) {
        static std::atomic<int> written{0}; // several may be asked at a time
        const QString file = QString("%1/history-%2.json").arg(scratch).arg(++written);
        std::ofstream(file.toStdString()) << one["history"].dump();
        arguments << "--history" << file;
    }
    return arguments << QString::fromStdString(one["question"].get<std::string>());
}

RunningHead::RunningHead(QString program)
    : m_program(program.isEmpty() ? QString(ARGUS_BINARY_DIR "/bin/argus-node") : std::move(program))
{
    m_head.setProcessChannelMode(QProcess::SeparateChannels);
    m_head.setStandardErrorFile(m_folder.filePath("head.log"));
}

RunningHead::~RunningHead()
{
    if (m_head.state() == QProcess::NotRunning)
        return;
    m_head.kill();
    m_head.waitForFinished(5000);
}

QProcessEnvironment RunningHead::environment() const
{
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("ARGUS_CONFIG_HOME", m_folder.filePath("config"));
    environment.insert("ARGUS_RUNTIME_DIR", m_folder.filePath("runtime"));
    environment.insert("ARGUS_CACHE_HOME", m_folder.filePath("cache"));
    if (!environment.contains("CUDA_VISIBLE_DEVICES")) // the same device everywhere: the CPU
        environment.insert("CUDA_VISIBLE_DEVICES", "");
    return environment;
}

PulledCopy pulledCopy(const RunningWorker& worker, const QString& model)
{
    PulledCopy copy;
    const QDir folder(worker.folder() + "/cache/models/" + model);
    for (const QString& file : folder.entryList({"*.safetensors"})) {
        struct stat info = {};
        QFile parts(folder.filePath(file + ".argus-parts"));
        if (::stat(folder.filePath(file).toUtf8().constData(), &info) != 0 || !parts.open(QIODevice::ReadOnly))
            continue;
        ++copy.files;
        copy.size += info.st_size;
        copy.onDisk += info.st_blocks * 512;
        const nlohmann::json json = nlohmann::json::parse(parts.readAll().toStdString(), nullptr, false);
        for (const nlohmann::json& range : json["there"])
            copy.there += range[1].get<qint64>() - range[0].get<qint64>();
    }
    return copy;
}

qint64 fetchedLast(const RunningHead& head, const QString& model)
{
    const QString log = QString::fromStdString(head.run({"logs"}).out);
    return log.section(" bytes of " + model, -2, -2).section(' ', -1).toLongLong();
}

void startIn(QProcess& process, const QString& space, const QString& program, const QStringList& arguments)
{
    process.setChildProcessModifier([parent = ::getpid()] {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) // it was killed before that was said
            ::_exit(1);
    });
    if (space.isEmpty())
        process.start(program, arguments);
    else // ip replaces itself by the program, so the process is that program's
        process.start("ip", QStringList{"netns", "exec", space, program} + arguments);
}

bool RunningHead::start(const QStringList& settings, const QString& listen)
{
    QProcessEnvironment own = environment();
    for (const QString& variable : m_variables.keys())
        own.insert(variable, m_variables[variable]);
    m_head.setProcessEnvironment(own);
    startIn(m_head, m_space, m_program, QStringList{"start", "--head", "--listen", listen} + settings);
    QString said;
    static const QRegularExpression where("listens on tcp://(\\S+)\\s+its key is (\\S+)");
    const bool told = eventually(
        [&] {
            m_head.waitForReadyRead(50);
            said += QString::fromUtf8(m_head.readAllStandardOutput());
            return where.match(said).hasMatch() || m_head.state() == QProcess::NotRunning;
        },
        30'000);
    const QRegularExpressionMatch match = where.match(said);
    if (!told || !match.hasMatch()) {
        startError = said + log();
        return false;
    }
    m_endpoint = match.captured(1);
    m_key = match.captured(2);
    return true;
}

void RunningHead::faults(const QString& rules) const
{
    replaceFile(m_folder.filePath("faults"), rules);
}

QString RunningHead::log() const
{
    return contentsOf(m_folder.filePath("head.log"));
}

std::unique_ptr<QProcess> RunningHead::begin(const QStringList& arguments,
                                             const QMap<QString, QString>& variables) const
{
    auto process = std::make_unique<QProcess>();
    QProcessEnvironment own = environment();
    for (const QString& variable : variables.keys())
        own.insert(variable, variables[variable]);
    process->setProcessEnvironment(own);
    startIn(*process, m_space, m_program, arguments);
    return process;
}

Ran RunningHead::finish(QProcess& process, int patienceMs)
{
    Ran ran;
    if (process.state() != QProcess::NotRunning && !process.waitForFinished(patienceMs)) {
        process.kill();
        process.waitForFinished(5000);
        ran.err = "still ran at the end of the test's patience; ";
    } else if (process.exitStatus() == QProcess::NormalExit) {
        ran.code = process.exitCode();
    }
    ran.out = process.readAllStandardOutput().toStdString();
    ran.err += process.readAllStandardError().toStdString();
    return ran;
}

Ran RunningHead::run(const QStringList& arguments, int patienceMs, const QByteArray& input) const
{
    const std::unique_ptr<QProcess> process = begin(arguments);
    process->write(input);
    process->closeWriteChannel();
    return finish(*process, patienceMs);
}

Ran RunningHead::ask(const QStringList& arguments) const
{
    return run(QStringList{"ask", "--json", "--temperature", "0", "--repetition-penalty", "1"} + arguments);
}

nlohmann::json RunningHead::status() const
{
    return run({"status", "--json"}).json();
}

std::string RunningHead::deploymentState() const
{
    const nlohmann::json json = status();
    return json.is_object() && json.contains("deployment") ? json["deployment"]["state"].get<std::string>()
                                                           : std::string();
}

std::string RunningHead::nodeState(const std::string& name) const
{
    const nlohmann::json json = status();
    if (json.is_object())
        for (const nlohmann::json& node : json["nodes"])
            if (node["name"] == name)
                return node["state"].get<std::string>();
    return {};
}

Ran RunningHead::deploy(const QStringList& options) const
{
    return run(QStringList{"deploy"} + options);
}

int RunningHead::executor() const
{
    const std::vector<int> found = childrenOf(pid(), "argus-executor-cpu");
    return found.empty() ? -1 : found.front();
}

RunningWorker::RunningWorker(QString name, QStringList options) : m_name(std::move(name)), m_options(std::move(options))
{
}

RunningWorker::~RunningWorker()
{
    if (!m_process || m_process->state() == QProcess::NotRunning)
        return;
    m_process->kill();
    m_process->waitForFinished(5000);
}

bool RunningWorker::join(const RunningHead& head)
{
    const Ran line = head.run({"join-line"});
    const QRegularExpressionMatch match = QRegularExpression("argus://[^']+").match(QString::fromStdString(line.out));
    if (!match.hasMatch()) {
        startError = QString::fromStdString(line.out + line.err);
        return false;
    }
    return joinWith(match.captured(0), head);
}

bool RunningWorker::joinWith(const QString& line, const RunningHead& head)
{
    if (!begin({"--join", line}))
        return false;
    return eventually(
        [&] {
            const std::string state = head.nodeState(m_name.toStdString());
            return state == "idle" || state == "ready" || state == "starting";
        },
        20'000);
}

bool RunningWorker::rejoin()
{
    return begin({});
}

bool RunningWorker::begin(const QStringList& arguments)
{
    m_process = std::make_unique<QProcess>();
    QProcessEnvironment environment = QProcessEnvironment::systemEnvironment();
    environment.insert("ARGUS_CONFIG_HOME", m_folder.filePath("config"));
    environment.insert("ARGUS_RUNTIME_DIR", m_folder.filePath("runtime"));
    environment.insert("ARGUS_CACHE_HOME", m_folder.filePath("cache"));
    environment.insert("CUDA_VISIBLE_DEVICES", "");
    for (const QString& variable : m_variables.keys())
        environment.insert(variable, m_variables[variable]);
    m_process->setProcessEnvironment(environment);
    m_process->setStandardErrorFile(m_folder.filePath("worker.log"), QIODevice::Append);
    startIn(*m_process, m_space, ARGUS_BINARY_DIR "/bin/argus-node",
            QStringList{"start", "--name", m_name} + arguments + m_options);
    if (m_process->waitForStarted(10'000))
        return true;
    startError = m_process->errorString();
    return false;
}

void RunningWorker::faults(const QString& rules) const
{
    replaceFile(m_folder.filePath("faults"), rules);
}

QString RunningWorker::log() const
{
    return contentsOf(m_folder.filePath("worker.log"));
}

int RunningWorker::executor() const
{
    if (pid() <= 0)
        return -1;
    const std::vector<int> found = RunningHead::childrenOf(pid(), "argus-executor-cpu");
    return found.empty() ? -1 : found.front();
}

std::vector<int> RunningHead::childrenOf(qint64 pid, const std::string& name)
{
    std::vector<int> found;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
        const int candidate = std::atoi(entry.path().filename().c_str());
        int parent = 0;
        char state = 0;
        std::string called;
        if (candidate > 0 && readStat(candidate, parent, called, state) && parent == pid && state != 'Z' &&
            (name.empty() || called == name.substr(0, 15)))
            found.push_back(candidate);
    }
    return found;
}

bool RunningHead::alive(int pid)
{
    int parent = 0;
    char state = 0;
    std::string name;
    return readStat(pid, parent, name, state) && state != 'Z';
}

} // namespace argus::tests
