// A model that comes in pieces: resumed where it stopped, and nothing counts whose digest is wrong.

#include "engine/base/sha256.h"
#include "engine/node/model_pull.h"

#include <QFile>
#include <QTemporaryDir>
#include <QtTest>

#include <deque>

using namespace argus;
using namespace argus::node;

namespace {

/// A head with two files in memory.
struct Head {
    std::map<std::string, std::string> files{{"config.json", "{}"}, {"model.safetensors", std::string(3'000'000, 'w')}};
    std::deque<wire::PullChunks> asked;
    std::vector<wire::ModelReport> reports;
    int done = 0;
    ModelPull pull{{.ask = [this](wire::PullChunks each) { asked.push_back(std::move(each)); },
                    .report = [this](wire::ModelReport each) { reports.push_back(std::move(each)); },
                    .done = [this](std::uint64_t) { ++done; }}};

    void start(std::uint64_t ticket = 1)
    {
        wire::PullModel order;
        order.set_ticket(ticket);
        order.set_name("m");
        for (const auto& [name, bytes] : files) {
            wire::ManifestFile& file = *order.add_files();
            file.set_name(name);
            file.set_size(bytes.size());
            file.set_sha256(sha256(std::as_bytes(std::span(bytes))));
        }
        pull.start(order);
    }
    /// Answers at most so many pieces.
    void answer(int most)
    {
        while (!asked.empty() && most > 0) {
            const wire::PullChunks ask = asked.front();
            asked.pop_front();
            const std::string bytes = files.at(ask.file());
            std::uint64_t offset = ask.offset();
            for (std::uint32_t i = 0; i < ask.chunks() && offset < bytes.size() && most > 0; ++i, --most) {
                wire::ModelChunk chunk;
                chunk.set_ticket(ask.ticket());
                chunk.set_file(ask.file());
                chunk.set_offset(offset);
                chunk.set_data(bytes.substr(offset, 256U << 10));
                offset += chunk.data().size();
                pull.chunk(chunk);
            }
        }
    }
};

} // namespace

class TstModelPull final : public QObject {
    Q_OBJECT

    QTemporaryDir m_home;
    [[nodiscard]] static QString at(const char* name)
    {
        return QString::fromStdString((pulledFolder("m") / name).string());
    }

private slots:
    void init()
    {
        qputenv("ARGUS_CACHE_HOME", m_home.path().toUtf8());
        QDir(QString::fromStdString(pulledFolder("m").string())).removeRecursively();
    }
    void everyFileComesWhole()
    {
        Head head;
        head.start();
        head.answer(1000);
        QCOMPARE(head.done, 1);
        QCOMPARE(QFile(at("model.safetensors")).size(), qint64{3'000'000});
        QVERIFY(!QFile::exists(at("model.safetensors.part")));
        QCOMPARE(head.reports.back().hashed_bytes(), head.reports.back().total_bytes());
    }
    void itGoesOnWhereItStopped()
    {
        {
            Head head;
            head.start();
            head.answer(6); // config.json and five pieces of the other
            QCOMPARE(head.done, 0);
        }
        QCOMPARE(QFile(at("model.safetensors.part")).size(), qint64{5 * (256 << 10)});
        Head head;
        head.start(2);
        QCOMPARE(head.asked.front().file(), std::string("model.safetensors")); // the small one is there
        QCOMPARE(head.asked.front().offset(), std::uint64_t{5 * (256 << 10)});
        head.answer(1000);
        QCOMPARE(head.done, 1);
        Head again; // nothing is fetched twice
        again.start(3);
        QVERIFY(again.asked.empty());
        QCOMPARE(again.done, 1);
    }
    void wrongBytesDoNotCount()
    {
        Head head;
        head.start();
        head.files["model.safetensors"][2'000'000] = 'x'; // after the manifest was made
        head.answer(1000);
        QCOMPARE(head.done, 0);
        QVERIFY(head.reports.back().error().cause().find("model.safetensors") != std::string::npos);
        QVERIFY(!QFile::exists(at("model.safetensors")) && !QFile::exists(at("model.safetensors.part")));
    }
    void piecesOutOfPlaceAreRefused()
    {
        Head head;
        head.start();
        head.answer(2);
        wire::ModelChunk chunk;
        chunk.set_ticket(1);
        chunk.set_file("model.safetensors");
        chunk.set_offset(7);
        chunk.set_data("x");
        head.pull.chunk(chunk);
        QVERIFY(!head.reports.back().error().code().empty());
        head.pull.chunk(chunk); // nothing is pulled any more
        QCOMPARE(head.done, 0);
    }
    void aNameStaysInItsFolder()
    {
        QVERIFY(pulledFolder("../../etc").parent_path() == pulledFolder("m").parent_path());
        QVERIFY(pulledFolder("").parent_path() == pulledFolder("m").parent_path());
    }
};

QTEST_GUILESS_MAIN(TstModelPull)
#include "tst_model_pull.moc"
