// Ten thousand things that are no message of Argus, at the door that a head keeps open for workers: from strangers who
// speak no protocol of ours, from strangers who speak ZeroMQ, and from a machine that has joined. The head does not
// grow, its log does not grow with them, and people are answered meanwhile.

#include "engine/cluster/join_line.h"
#include "engine/cluster/pairing.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/cluster.pb.h"
#include "engine/protocol/secure_socket.h"
#include "tests/system/running_head.h"

#include <QElapsedTimer>
#include <QtTest>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <fstream>
#include <random>

using namespace argus;
using namespace argus::tests;
using Json = nlohmann::json;

namespace {

constexpr int kStrangers = 2'500; ///< connections of each kind
constexpr int kFrames = 10'000;   ///< of the machine that has joined
constexpr double kMostGrowthMiB = 50;

double residentMiB(qint64 pid)
{
    std::ifstream file("/proc/" + std::to_string(pid) + "/statm");
    double size = 0;
    double resident = 0;
    file >> size >> resident;
    return resident * 4096 / (1 << 20);
}

std::string noise(std::mt19937& random, std::size_t bytes)
{
    std::string text(bytes, '\0');
    for (char& c : text)
        c = static_cast<char>(random());
    return text;
}

/// The beginning of a ZMTP 3.0 connection, as a client's; then a command frame of nonsense.
std::string greeting(const std::string& mechanism, std::mt19937& random)
{
    std::string bytes("\xff\0\0\0\0\0\0\0\x01\x7f\x03\0", 12);
    bytes += mechanism + std::string(20 - mechanism.size(), '\0') + std::string(32, '\0');
    const std::string body = std::string("\x05HELLO") + noise(random, 194);
    return bytes + std::string("\x04") + static_cast<char>(body.size()) + body;
}

/// Connects, says it, and goes without reading. False when nobody listens.
bool throwAt(std::uint16_t port, const std::string& bytes)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool connected = ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    if (connected)
        (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::close(fd);
    return connected;
}

} // namespace

class TstMalformedFrames final : public QObject {
    Q_OBJECT

    RunningHead m_head;
    RunningWorker m_beta{"beta"};
    protocol::CurveKeys m_vandal = protocol::makeKeys();
    cluster::PairedHead m_door;
    std::uint16_t m_port = 0;

    /// Does harm while somebody asks, again and again; what it has cost.
    void meanwhile(const char* what, const std::function<void()>& harm)
    {
        const double before = residentMiB(m_head.pid());
        const Json deployment = m_head.status()["deployment"];
        QElapsedTimer timer;
        timer.start();
        const std::unique_ptr<QProcess> asking =
            m_head.begin({"ask", "--json", "--temperature", "0", "--repetition-penalty", "1", "--image",
                          sample("red-circle-on-white.png"), "Describe this image."});
        harm();
        if (QTest::currentTestFailed())
            return;
        const qint64 harmed = timer.elapsed();
        const Ran ran = RunningHead::finish(*asking);
        QVERIFY2(ran.code == 0, (ran.err + ran.out).c_str());
        QCOMPARE(ran.json()["text"].get<std::string>(), storedAnswer("red-circle-on-white"));
        const double grown = residentMiB(m_head.pid()) - before;
        qInfo("%s: %lld ms, the head grew by %.1f MiB, a question took %.0f ms meanwhile", what, harmed, grown,
              ran.json()["seconds_total"].get<double>() * 1000);
        QVERIFY2(grown < kMostGrowthMiB, what);
        QCOMPARE(m_head.status()["deployment"]["epoch"], deployment["epoch"]);
        QCOMPARE(m_head.deploymentState(), std::string("ready"));
    }
    [[nodiscard]] qsizetype lines(const char* text) const { return m_head.log().count(text); }

private slots:
    void initTestCase()
    {
        QVERIFY2(m_head.start({"--cpu-devices", "2", "--name", "alpha"}), qPrintable(m_head.startError));
        QVERIFY2(m_beta.join(m_head), qPrintable(m_beta.startError + m_beta.log()));
        QCOMPARE(m_head.deploy({"--tensor-parallel-size", "2", "--pipeline-parallel-size", "2"}).code, 0);
        const Ran line = m_head.run({"join-line"});
        const QRegularExpressionMatch match =
            QRegularExpression("argus://[^']+").match(QString::fromStdString(line.out));
        const auto parsed = cluster::parseJoinLine(match.captured(0).toStdString());
        QVERIFY(parsed.ok());
        const std::string version = m_head.run({"--version"}).out;
        const auto paired =
            cluster::pairWithHead(*parsed, "vandal", m_vandal.publicKey,
                                  QString::fromStdString(version).trimmed().section(' ', 1).toStdString(),
                                  Deadline::in(Milliseconds(10'000)));
        QVERIFY2(paired.ok(), paired.ok() ? "" : paired.error().cause.c_str());
        m_door = *paired;
        m_port = static_cast<std::uint16_t>(std::stoi(m_door.endpoint.substr(m_door.endpoint.rfind(':') + 1)));
        meanwhile("a question before", [] {}); // what the first one takes is not growth
    }

    void strangersWhoSpeakNoProtocol()
    {
        std::mt19937 random(1);
        meanwhile("2500 connections of noise", [&] {
            for (int i = 0; i < kStrangers; ++i)
                QVERIFY(throwAt(m_port, noise(random, 1 + random() % 4096)));
        });
        QVERIFY2(lines("did not speak our protocol") <= 3, qPrintable(m_head.log().right(4000)));
    }
    void strangersWhoSpeakZeroMq()
    {
        std::mt19937 random(2);
        meanwhile("2500 connections that begin like ZeroMQ", [&] {
            for (int i = 0; i < kStrangers; ++i)
                QVERIFY(throwAt(m_port, greeting(i % 2 == 0 ? "NULL" : "CURVE", random)));
        });
        QVERIFY2(lines("did not speak our protocol") <= 5, qPrintable(m_head.log().right(4000)));
    }
    void aMachineThatHasJoinedTalksNonsense()
    {
        auto socket = protocol::SecureClient::connect(
            {.keys = m_vandal, .serverPublicKey = m_door.publicKey, .endpoint = m_door.endpoint});
        QVERIFY(socket.ok());
        std::mt19937 random(3);
        std::vector<std::string> frames{std::string(), std::string("\xff\xff\xff\xff"), std::string(4096, '\x0a')};
        wire::WorkerMessage message;
        message.set_protocol_version(protocol::kVersion);
        message.mutable_heartbeat()->set_sequence(1); // without a hello
        frames.push_back(message.SerializeAsString());
        message.mutable_from_executor()->set_message(noise(random, 200));
        frames.push_back(message.SerializeAsString());
        message.mutable_ended()->set_how(std::string(100'000, 'h'));
        frames.push_back(message.SerializeAsString());
        message.mutable_hello()->set_name(std::string(10'000, 'n'));
        frames.push_back(message.SerializeAsString());
        message.set_protocol_version(99);
        frames.push_back(message.SerializeAsString());
        const qsizetype before = m_head.log().count('\n');
        int said = 0;
        meanwhile("10000 frames of a machine that has joined", [&] {
            QElapsedTimer patience;
            patience.start();
            while (said < kFrames && patience.elapsed() < 60'000) {
                const std::string frame = said % 3 == 0 ? noise(random, random() % 2000)
                                                        : frames[static_cast<std::size_t>(said) % frames.size()];
                said += (*socket)->send(frame) ? 1 : 0;
                while ((*socket)->receive(Deadline(now()))) {
                }
            }
            // Beyond the bound of a frame the connection may end; a message in pieces is nobody's.
            (void)(*socket)->send(std::string(protocol::kMaxClientFrame, 'x'));
            QCOMPARE(said, kFrames);
        });
        const qsizetype more = m_head.log().count('\n') - before;
        qInfo("%d frames, %lld lines of log", said, static_cast<long long>(more));
        QVERIFY2(lines("such messages so far") >= 1, qPrintable(m_head.log().right(4000)));
        QVERIFY2(lines("such messages so far") <= 5, qPrintable(m_head.log().right(4000))); // 1, 10, 100, 1000, 10000
        QVERIFY2(more < 40, qPrintable(m_head.log().right(4000)));
        QVERIFY(m_head.nodeState("vandal").empty());
        QCOMPARE(m_head.nodeState("beta"), std::string("ready"));
    }
};

QTEST_GUILESS_MAIN(TstMalformedFrames)
#include "tst_malformed_frames.moc"
