#include "engine/base/catalogue.h"
#include "engine/protocol/bounds.h"
#include "engine/protocol/validate.h"
#include "engine/protocol/validate_cluster.h"

#include <QtTest>

#include <functional>
#include <limits>

using namespace argus;
using namespace argus::protocol;

namespace {

const std::string kDigest(32, 'd');

wire::ClientMessage goodAsk()
{
    wire::ClientMessage message;
    message.set_protocol_version(kVersion);
    wire::Ask* ask = message.mutable_ask();
    ask->set_id("ask-1");
    wire::ChatMessage* chat = ask->add_messages();
    chat->set_role("user");
    chat->add_parts()->set_image(kDigest);
    chat->add_parts()->set_text("图里有几个圆？");
    return message;
}

template <typename Message>
std::string bytesOf(const Message& message)
{
    return message.SerializeAsString();
}

Result<wire::ClientMessage> parseClient(const std::string& frame)
{
    return parseClientMessage(std::as_bytes(std::span(frame)));
}
Result<wire::HeadMessage> parseHead(const std::string& frame)
{
    return parseHeadMessage(std::as_bytes(std::span(frame)));
}

struct ClientCase {
    std::string name;
    std::function<void(wire::ClientMessage&)> change;
    bool good = false;
    std::string field = {}; ///< that the error must name
};

std::vector<ClientCase> clientCases()
{
    using M = wire::ClientMessage;
    const double kInfinity = std::numeric_limits<double>::infinity();
    const double kNaN = std::numeric_limits<double>::quiet_NaN();
    std::vector<ClientCase> cases{
        {"as it is", [](M&) {}, true},
        {"id of 64 characters", [](M& m) { m.mutable_ask()->set_id(std::string(64, 'x')); }, true},
        {"id of 65", [](M& m) { m.mutable_ask()->set_id(std::string(65, 'x')); }, false, "ask.id"},
        {"no id", [](M& m) { m.mutable_ask()->clear_id(); }, false, "ask.id"},
        {"id with a blank", [](M& m) { m.mutable_ask()->set_id("a b"); }, false, "ask.id"},
        {"id with a line end", [](M& m) { m.mutable_ask()->set_id("a\nb"); }, false, "ask.id"},
        {"no messages", [](M& m) { m.mutable_ask()->clear_messages(); }, false, "ask.messages"},
        {"a thousand messages and more",
         [](M& m) {
             for (std::size_t i = 0; i < kMaxMessages; ++i)
                 m.mutable_ask()->add_messages()->set_role("user");
         },
         false, "ask.messages"},
        {"role of a tool", [](M& m) { m.mutable_ask()->mutable_messages(0)->set_role("tool"); }, false, "role"},
        {"no role", [](M& m) { m.mutable_ask()->mutable_messages(0)->clear_role(); }, false, "role"},
        {"too many parts",
         [](M& m) {
             for (std::size_t i = 0; i < kMaxParts; ++i)
                 m.mutable_ask()->mutable_messages(0)->add_parts()->set_text("x");
         },
         false, "parts"},
        {"a part without content", [](M& m) { m.mutable_ask()->mutable_messages(0)->add_parts(); }, false, "parts[2]"},
        {"digest of 31 bytes",
         [](M& m) { m.mutable_ask()->mutable_messages(0)->mutable_parts(0)->set_image(std::string(31, 'd')); }, false,
         "parts[0].image"},
        {"video digest of 33 bytes",
         [](M& m) { m.mutable_ask()->mutable_messages(0)->mutable_parts(0)->set_video(std::string(33, 'd')); }, false,
         "parts[0].video"},
        {"text at the bound",
         [](M& m) {
             m.mutable_ask()->mutable_messages(0)->mutable_parts(1)->set_text(std::string(kMaxTextBytes, 'x'));
         },
         true},
        {"two texts beyond it together",
         [](M& m) {
             m.mutable_ask()->mutable_messages(0)->mutable_parts(1)->set_text(std::string(kMaxTextBytes, 'x'));
             m.mutable_ask()->mutable_messages(0)->add_parts()->set_text("y");
         },
         false, "texts"},
    };
    const auto sampling = [&](const char* name, bool good, std::function<void(wire::Sampling&)> set,
                              const char* field) {
        cases.push_back(
            {name, [set = std::move(set)](M& m) { set(*m.mutable_ask()->mutable_sampling()); }, good, field});
    };
    using S = wire::Sampling;
    sampling(
        "temperature 0", true, [](S& s) { s.set_temperature(0); }, "");
    sampling(
        "temperature 100", true, [](S& s) { s.set_temperature(100); }, "");
    sampling(
        "temperature 100.1", false, [](S& s) { s.set_temperature(100.1); }, "temperature");
    sampling(
        "temperature below 0", false, [](S& s) { s.set_temperature(-0.1); }, "temperature");
    sampling(
        "temperature NaN", false, [=](S& s) { s.set_temperature(kNaN); }, "temperature");
    sampling(
        "temperature infinite", false, [=](S& s) { s.set_temperature(kInfinity); }, "temperature");
    sampling(
        "top_p 1", true, [](S& s) { s.set_top_p(1); }, "");
    sampling(
        "top_p 0", false, [](S& s) { s.set_top_p(0); }, "top_p");
    sampling(
        "top_p 1.01", false, [](S& s) { s.set_top_p(1.01); }, "top_p");
    sampling(
        "repetition_penalty 10", true, [](S& s) { s.set_repetition_penalty(10); }, "");
    sampling(
        "repetition_penalty 0", false, [](S& s) { s.set_repetition_penalty(0); }, "repetition_penalty");
    sampling(
        "repetition_penalty NaN", false, [=](S& s) { s.set_repetition_penalty(kNaN); }, "repetition_penalty");
    sampling(
        "max_tokens 1000000", true, [](S& s) { s.set_max_tokens(1'000'000); }, "");
    sampling(
        "max_tokens 0", false, [](S& s) { s.set_max_tokens(0); }, "max_tokens");
    sampling(
        "max_tokens 1000001", false, [](S& s) { s.set_max_tokens(1'000'001); }, "max_tokens");
    sampling(
        "an empty stop", false, [](S& s) { s.add_stop(std::string()); }, "stop");
    sampling(
        "a long stop", false, [](S& s) { s.add_stop(std::string(kMaxStopBytes + 1, 's')); }, "stop");
    sampling(
        "17 stops", false,
        [](S& s) {
            for (int i = 0; i < 17; ++i)
                s.add_stop(std::string(3, 's'));
        },
        "stop");
    return cases;
}

} // namespace

class TstValidate : public QObject {
    Q_OBJECT

private slots:
    void checksAsks_data()
    {
        QTest::addColumn<int>("index");
        const auto cases = clientCases();
        for (std::size_t i = 0; i < cases.size(); ++i)
            QTest::newRow(cases[i].name.c_str()) << static_cast<int>(i);
    }
    void checksAsks()
    {
        QFETCH(int, index);
        const ClientCase chosen = clientCases()[static_cast<std::size_t>(index)];
        wire::ClientMessage message = goodAsk();
        chosen.change(message);
        const auto parsed = parseClient(bytesOf(message));
        QCOMPARE(parsed.ok(), chosen.good);
        if (!chosen.good)
            QVERIFY2(parsed.error().cause.find(chosen.field) != std::string::npos, parsed.error().cause.c_str());
    }

    void refusesOtherVersions()
    {
        for (const std::uint32_t version : {0U, 2U, ~0U}) {
            wire::ClientMessage message = goodAsk();
            message.set_protocol_version(version);
            QCOMPARE(parseClient(bytesOf(message)).error().code, ErrorCode::Unsupported);
        }
    }

    void refusesAnUnknownBody()
    {
        wire::ClientMessage message;
        message.set_protocol_version(kVersion);
        QCOMPARE(parseClient(bytesOf(message)).error().code, ErrorCode::Unsupported);
        // field 63, length-delimited, 1 byte: what a newer client's message looks like
        QCOMPARE(parseClient(bytesOf(message) + std::string("\xFA\x03\x01x")).error().code, ErrorCode::Unsupported);
    }

    void refusesWhatIsNoMessage()
    {
        QCOMPARE(parseClient(std::string("\xff\xff\xff\xff\xff", 5)).error().code, ErrorCode::Corrupt);
        const std::string whole = bytesOf(goodAsk());
        QCOMPARE(parseClient(whole.substr(0, whole.size() - 3)).error().code, ErrorCode::Corrupt);
        QCOMPARE(parseClient(std::string(kMaxClientFrame + 1, 'x')).error().code, ErrorCode::TooLarge);
    }

    void refusesTextThatIsNoUtf8_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("lone continuation") << QByteArray("a\x80z");
        QTest::newRow("cut off") << QByteArray("a\xE5\x9B");
        QTest::newRow("overlong") << QByteArray("\xC0\xAF");
        QTest::newRow("surrogate") << QByteArray("\xED\xA0\x80");
        QTest::newRow("beyond Unicode") << QByteArray("\xF4\x90\x80\x80");
    }
    void refusesTextThatIsNoUtf8()
    {
        QFETCH(QByteArray, text);
        // Written by hand, since the serialiser itself complains.
        const QByteArray marker("图里有几个圆？");
        QByteArray frame = QByteArray::fromStdString(bytesOf(goodAsk()));
        QVERIFY(frame.contains(marker));
        QVERIFY(parseClient(frame.toStdString()).ok());
        frame.replace(marker, text.leftJustified(marker.size(), 'x'));
        QVERIFY(!parseClient(frame.toStdString()).ok());
    }

    void boundsChunksAndBegins()
    {
        wire::ClientMessage message;
        message.set_protocol_version(kVersion);
        message.mutable_upload_chunk()->set_sha256(kDigest);
        QVERIFY(!parseClient(bytesOf(message)).ok());
        message.mutable_upload_chunk()->set_data(std::string(kChunkBytes, 'c'));
        QVERIFY(parseClient(bytesOf(message)).ok());
        message.mutable_upload_chunk()->set_data(std::string(kChunkBytes + 1, 'c'));
        QVERIFY(!parseClient(bytesOf(message)).ok());
        message.mutable_upload_begin()->set_sha256(kDigest);
        QVERIFY(!parseClient(bytesOf(message)).ok()); // of no size
        message.mutable_upload_begin()->set_size(1);
        QVERIFY(parseClient(bytesOf(message)).ok());
        message.mutable_inspect()->set_sha256(kDigest);
        message.mutable_inspect()->set_thumbnail_side(257);
        QVERIFY(!parseClient(bytesOf(message)).ok());
    }

    void aHeadIsCheckedToo()
    {
        wire::HeadMessage message;
        message.set_protocol_version(kVersion);
        wire::MediaInfo* info = message.mutable_inspected()->mutable_info();
        message.mutable_inspected()->set_sha256(kDigest);
        QVERIFY(parseHead(bytesOf(message)).ok());
        info->set_thumbnail_width(256);
        info->set_thumbnail_height(256);
        info->set_thumbnail_rgb(std::string(3 * 256 * 256 - 1, 'p'));
        QVERIFY(!parseHead(bytesOf(message)).ok());
        info->set_thumbnail_rgb(std::string(3 * 256 * 256, 'p'));
        QVERIFY(parseHead(bytesOf(message)).ok());
        info->set_thumbnail_width(0xFFFFFFFF);
        QVERIFY(!parseHead(bytesOf(message)).ok());

        wire::Status* status = message.mutable_status();
        status->set_uptime_seconds(-1);
        QVERIFY(!parseHead(bytesOf(message)).ok());
        status->set_uptime_seconds(1);
        for (std::size_t i = 0; i <= kMaxNodes; ++i)
            status->add_nodes();
        QVERIFY(!parseHead(bytesOf(message)).ok());

        message.mutable_upload_grant()->set_sha256(kDigest);
        message.mutable_upload_grant()->set_credit(1U << 31);
        QVERIFY(!parseHead(bytesOf(message)).ok());
        message.mutable_ask_text()->set_text("x");
        QVERIFY(!parseHead(bytesOf(message)).ok()); // of no ask
    }

    void rangesOfFilesAreInOrder()
    {
        const auto accepts = [](std::initializer_list<std::pair<std::uint64_t, std::uint64_t>> ranges) {
            wire::HeadToWorker message;
            message.set_protocol_version(kVersion);
            wire::ManifestFile& file = *message.mutable_pull_model()->add_files();
            file.set_name("model.safetensors");
            file.set_size(100);
            file.set_sha256(kDigest);
            for (const auto& [begin, end] : ranges) {
                file.add_ranges()->set_begin(begin);
                file.mutable_ranges()->rbegin()->set_end(end);
            }
            const std::string bytes = bytesOf(message);
            return parseHeadToWorker(std::as_bytes(std::span(bytes))).ok();
        };
        QVERIFY(accepts({}));
        QVERIFY(accepts({{0, 100}}));
        QVERIFY(accepts({{0, 1}, {2, 3}, {99, 100}}));
        QVERIFY(!accepts({{0, 101}}));
        QVERIFY(!accepts({{5, 5}}));
        QVERIFY(!accepts({{7, 5}}));
        QVERIFY(!accepts({{0, 5}, {5, 6}})); // one range, told as two
        QVERIFY(!accepts({{6, 9}, {0, 5}}));
    }

    void linksBetweenCardsHaveBounds()
    {
        const auto accepts = [](int entries, std::uint32_t device, std::uint32_t links) {
            wire::WorkerMessage message;
            message.set_protocol_version(kVersion);
            message.mutable_hello()->set_name("beta");
            message.mutable_hello()->set_incarnation("i1");
            wire::InventoryDevice& card = *message.mutable_hello()->mutable_inventory()->add_devices();
            card.set_kind("cuda");
            for (int i = 0; i < entries; ++i) {
                wire::NvLinks& out = *card.add_nvlinks();
                out.set_device(device);
                out.set_links(links);
            }
            const std::string bytes = bytesOf(message);
            return parseWorkerMessage(std::as_bytes(std::span(bytes))).ok();
        };
        constexpr auto kMost = static_cast<std::uint32_t>(kMaxDevices);
        QVERIFY(accepts(0, 0, 0));
        QVERIFY(accepts(7, kMost - 1, 18));
        QVERIFY(accepts(1, 1, kMaxNvLinks));
        QVERIFY(!accepts(1, 1, kMaxNvLinks + 1));
        QVERIFY(!accepts(1, 1, 0)); // no link is no entry
        QVERIFY(!accepts(1, kMost, 2));
        QVERIFY(!accepts(static_cast<int>(kMost) + 1, 1, 2));
    }

    void errorsTravelWhole()
    {
        const Error error{ErrorCode::DoesNotFit, "原因", "remedy", "max_model_len"};
        const Error back = fromWire(toWire(error));
        QCOMPARE(back.code, error.code);
        QCOMPARE(back.cause, error.cause);
        QCOMPARE(back.remedy, error.remedy);
        QCOMPARE(back.setting, error.setting);
        const std::string endless =
            QString(static_cast<qsizetype>(kMaxCauseBytes), QChar(0x5706)).toStdString(); // three bytes each
        wire::HeadMessage message;
        message.set_protocol_version(kVersion);
        *message.mutable_refused()->mutable_error() = toWire({ErrorCode::Io, endless, "/tmp/\xff", {}});
        QVERIFY(parseHead(bytesOf(message)).ok());
        QCOMPARE(message.refused().error().remedy(), std::string("/tmp/?"));
    }

    void sentencesTravelAsData()
    {
        const Error error = makeError(ErrorCode::NotFound,
                                      say("too-few", say("need-gpus", 16, 8, 2),
                                          std::vector<Said>{say("node-has", "gpu-甲", 8), say("node-has", "b", 7)}),
                                      say("do-fewer-gpus"));
        const Error back = fromWire(toWire(error));
        QCOMPARE(back.causeSaid, error.causeSaid);
        QCOMPARE(back.remedySaid, error.remedySaid);
        QCOMPARE(english(back.causeSaid), back.cause);
        // Words that were changed, cut or mended on the way go alone.
        Error changed = error;
        changed.cause += ", or so";
        QVERIFY(!toWire(changed).has_cause_said() && toWire(changed).has_remedy_said());
        const Error broken = makeError(ErrorCode::Io, say("file-empty", "/tmp/\xff"), say("do-attach-media"));
        QVERIFY(!toWire(broken).has_cause_said());
        QCOMPARE(toWire(broken).cause(), std::string("/tmp/? is empty"));
        QVERIFY(toWire(Said(std::string(kMaxCauseBytes + 1, 'x'))).id().empty());
    }

    void sentencesAreBounded_data()
    {
        QTest::addColumn<int>("depth");
        QTest::addColumn<int>("parts");
        QTest::addColumn<bool>("good");
        QTest::newRow("a few") << 3 << 3 << true;
        QTest::newRow("as deep as can be") << static_cast<int>(kMaxSaidDepth) << 1 << true;
        QTest::newRow("deeper") << static_cast<int>(kMaxSaidDepth) + 1 << 1 << false;
        QTest::newRow("far deeper") << 40 << 1 << false;
        QTest::newRow("as many as can be") << 2 << static_cast<int>(kMaxSaid) - 1 << true;
        QTest::newRow("more") << 2 << static_cast<int>(kMaxSaid) << false;
    }
    void sentencesAreBounded()
    {
        QFETCH(int, depth);
        QFETCH(int, parts);
        QFETCH(bool, good);
        wire::HeadMessage message;
        message.set_protocol_version(kVersion);
        std::vector<wire::Said*> level{message.mutable_refused()->mutable_error()->mutable_cause_said()};
        for (int i = 1; i < depth; ++i) {
            std::vector<wire::Said*> next;
            for (wire::Said* said : level) {
                said->set_id("any-of");
                wire::SaidValue& value = *said->add_values();
                value.set_name("ways");
                for (int k = 0; k < parts; ++k)
                    next.push_back(value.add_parts());
            }
            level = std::move(next);
        }
        QCOMPARE(parseHead(bytesOf(message)).ok(), good);
        wire::SaidValue& value = *message.mutable_refused()->mutable_error()->mutable_cause_said()->add_values();
        value.set_text(std::string(kMaxCauseBytes + 1, 'x'));
        QVERIFY(!parseHead(bytesOf(message)).ok());
    }
};

QTEST_GUILESS_MAIN(TstValidate)
#include "tst_validate.moc"
