// The line for models alone: bytes of files from a head's server to a worker's link, over real sockets on loopback; a
// line that breaks, that cannot be made, keys that do not count, and pieces that nobody asked for.

#include "engine/cluster/block_digests.h"
#include "engine/cluster/model_link.h"
#include "engine/node/model_server.h"
#include "engine/protocol/bounds.h"

#include <QTemporaryDir>
#include <QtTest>

#include <atomic>
#include <fstream>
#include <random>

using namespace argus;
using namespace argus::node;

namespace {

constexpr std::uint64_t kTicket = 7;
constexpr std::uint64_t kSize = 5 * protocol::kChunkBytes + 1234;

/// The head's end; made again at the same place after it was dropped.
struct Head {
    explicit Head(const std::filesystem::path& folder, std::string endpoint = "tcp://127.0.0.1:*")
    {
        auto socket = protocol::SecureServer::bind(
            {.keys = keys(),
             .endpoint = std::move(endpoint),
             .admits = [](const std::string& key) { return key == workerKeys().publicKey; },
             .peers = protocol::Peers::HeadAndWorker,
             .sendQueue = 2});
        if (!socket)
            qFatal("%s", socket.error().cause.c_str());
        server = std::make_unique<ModelServer>(std::move(*socket), [this](const std::string&) { return known.load(); });
        server->offer(kTicket, {.folder = folder, .files = {{"model.safetensors", {}}}, .lists = folder});
    }
    static const protocol::CurveKeys& keys()
    {
        static const protocol::CurveKeys made = protocol::makeKeys();
        return made;
    }
    static const protocol::CurveKeys& workerKeys()
    {
        static const protocol::CurveKeys made = protocol::makeKeys();
        return made;
    }
    std::atomic<bool> known{true};
    std::unique_ptr<ModelServer> server; ///< before it ends nobody asks `known` any more
};

/// The worker's end, and what it was told.
struct Worker {
    explicit Worker(std::uint16_t port, protocol::CurveKeys keys = Head::workerKeys(),
                    Milliseconds patience = Milliseconds(10'000))
    {
        auto made =
            cluster::ModelLink::open({.keys = std::move(keys),
                                      .endpoint = "tcp://127.0.0.1:" + std::to_string(port),
                                      .headPublicKey = Head::keys().publicKey,
                                      .number = 3,
                                      .patience = patience},
                                     [this](cluster::ModelLinkEvent event) {
                                         const std::scoped_lock lock(mutex);
                                         std::visit([this](auto&& each) { take(std::move(each)); }, std::move(event));
                                     });
        if (!made)
            qFatal("%s", made.error().cause.c_str());
        link = std::move(*made);
    }
    void take(cluster::ModelPiece piece)
    {
        inOrder = inOrder && piece.chunk.offset() == bytes.size();
        bytes += piece.chunk.data();
        error = piece.chunk.error().cause();
        ++pieces;
    }
    void take(const cluster::ModelLineBack& back) { backs += back.link == 3 ? 1 : 0; }
    void take(const cluster::ModelLineFailed& failed) { failures += failed.link == 3 ? 1 : 0; }
    void ask(std::uint64_t offset, std::uint32_t chunks, std::uint64_t ticket = kTicket)
    {
        wire::PullChunks asked;
        asked.set_ticket(ticket);
        asked.set_file("model.safetensors");
        asked.set_offset(offset);
        asked.set_chunks(chunks);
        link->ask(std::move(asked));
    }
    template <typename Look>
    auto see(Look look)
    {
        const std::scoped_lock lock(mutex);
        return look();
    }
    std::mutex mutex; // guards what follows but the link
    std::string bytes;
    std::string error;
    int pieces = 0;
    bool inOrder = true;
    int backs = 0;
    int failures = 0;
    std::unique_ptr<cluster::ModelLink> link; ///< ends before the rest
};

} // namespace

class TstModelLine final : public QObject {
    Q_OBJECT

    QTemporaryDir m_folder;
    std::string m_content;
    [[nodiscard]] std::filesystem::path folder() const { return m_folder.path().toStdString(); }

private slots:
    void initTestCase()
    {
        std::mt19937 random(1);
        m_content.resize(kSize);
        for (char& c : m_content)
            c = static_cast<char>(random());
        std::ofstream(folder() / "model.safetensors", std::ios::binary) << m_content;
    }

    void aFileComesWholeAndInOrder()
    {
        Head head(folder());
        QVERIFY(head.server->port() > 0);
        Worker worker(head.server->port());
        worker.ask(0, 2);
        worker.ask(2 * protocol::kChunkBytes, 8); // beyond its end
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.bytes.size(); }), m_content.size(), 10'000);
        QVERIFY(worker.see([&] { return worker.inOrder && worker.bytes == m_content; }));
    }
    void whatIsNotOfferedIsSaid()
    {
        Head head(folder());
        Worker worker(head.server->port());
        worker.ask(0, 2, kTicket + 1);
        QTRY_VERIFY_WITH_TIMEOUT(worker.see([&] { return worker.error.find("cannot read") != std::string::npos; }),
                                 10'000);
        QCOMPARE(worker.see([&] { return worker.pieces; }), 1);
    }
    void aLineThatBreaksIsSaidAndGoesOn()
    {
        auto head = std::make_unique<Head>(folder());
        const std::uint16_t port = head->server->port();
        Worker worker(port);
        worker.ask(0, 1);
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.pieces; }), 1, 10'000);
        head.reset();
        QTest::qWait(300);                    // its end is noticed
        worker.ask(protocol::kChunkBytes, 1); // into nothing: nobody has resumed
        head = std::make_unique<Head>(folder(), "tcp://127.0.0.1:" + std::to_string(port));
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.backs; }), 1, 10'000);
        worker.ask(protocol::kChunkBytes, 1); // still into nothing
        worker.link->resume();
        worker.ask(protocol::kChunkBytes, 8);
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.bytes.size(); }), m_content.size(), 10'000);
        QVERIFY(worker.see([&] { return worker.inOrder && worker.bytes == m_content; }));
        QCOMPARE(worker.see([&] { return worker.pieces; }), 6);
    }
    void aLineThatCannotBeMadeFails()
    {
        std::uint16_t port = 0;
        {
            const Head head(folder());
            port = head.server->port();
        }
        Worker nobody(port, Head::workerKeys(), Milliseconds(300)); // nobody listens there any more
        QTRY_COMPARE_WITH_TIMEOUT(nobody.see([&] { return nobody.failures; }), 1, 10'000);
        const Head head(folder());
        Worker stranger(head.server->port(), protocol::makeKeys());
        stranger.ask(0, 1);
        QTRY_COMPARE_WITH_TIMEOUT(stranger.see([&] { return stranger.failures; }), 1, 10'000);
        QCOMPARE(stranger.see([&] { return stranger.pieces; }), 0);
    }
    void aKeyThatIsRevokedGetsNothingMore()
    {
        Head head(folder());
        Worker worker(head.server->port());
        worker.ask(0, 1);
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.pieces; }), 1, 10'000);
        head.known = false; // its connection stands
        worker.ask(protocol::kChunkBytes, 1);
        QTest::qWait(500);
        QCOMPARE(worker.see([&] { return worker.pieces; }), 1);
        head.known = true;
        worker.ask(protocol::kChunkBytes, 1);
        QTRY_COMPARE_WITH_TIMEOUT(worker.see([&] { return worker.pieces; }), 2, 10'000);
    }
    /// A head cannot make a worker hold more than it has asked for.
    void piecesThatNobodyAskedForAreDropped()
    {
        auto socket = protocol::SecureServer::bind({.keys = Head::keys(),
                                                    .endpoint = "tcp://127.0.0.1:*",
                                                    .admits = [](const std::string&) { return true; },
                                                    .peers = protocol::Peers::HeadAndWorker});
        QVERIFY(socket.ok());
        const std::string& endpoint = (*socket)->endpoint();
        Worker worker(static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1))));
        worker.ask(0, 2);
        const auto asked = (*socket)->receive(Deadline::in(Milliseconds(10'000)));
        QVERIFY(asked.has_value());
        wire::HeadToWorker message;
        message.set_protocol_version(protocol::kVersion);
        message.mutable_model_chunk()->set_data("x");
        for (int i = 0; i < 50; ++i)
            QVERIFY((*socket)->send(asked->peer, message.SerializeAsString()) == protocol::Delivery::Sent);
        message.mutable_stop()->set_reason("this is no line for that");
        QVERIFY((*socket)->send(asked->peer, message.SerializeAsString()) == protocol::Delivery::Sent);
        QTRY_VERIFY_WITH_TIMEOUT(worker.see([&] { return worker.pieces; }) == 2, 10'000);
        QTest::qWait(300);
        QCOMPARE(worker.see([&] { return worker.pieces; }), 2);
    }
};

QTEST_GUILESS_MAIN(TstModelLine)
#include "tst_model_line.moc"
