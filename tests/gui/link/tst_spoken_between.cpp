// What a person reads when programs and machines do not reach each other, when what came is not what was sent, or when
// a tokenizer cannot be read: each error as the engine makes it, in Chinese.

#include "engine/base/file_parts.h" // before Qt, whose `slots` is a name there
#include "engine/cluster/block_digests.h"
#include "engine/cluster/join_line.h"
#include "engine/cluster/manifest.h"
#include "engine/cluster/pairing.h"
#include "engine/media/media.h"
#include "engine/node/copy_hold.h"
#include "engine/node/pulled_file.h"
#include "engine/node/sampling_defaults.h"
#include "engine/protocol/channel.h"
#include "engine/protocol/chunked_transfer.h"
#include "engine/protocol/private_head_handshake.h"
#include "engine/protocol/secure_socket.h"
#include "engine/protocol/validate_cluster.h"
#include "engine/text/tokenizer_files.h"
#include "engine/text/vocabulary.h"

#include "gui/settings/language.h"
#include "tests/gui/support/spoken_rows.h"

#include <QTemporaryDir>
#include <QtTest>

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

using namespace argus;
using namespace argus::gui;
using namespace argus::gui::testing;
namespace fs = std::filesystem;

namespace {

/// A folder with such files in it, for one question to the engine.
struct Folder {
    Folder() = default;
    Folder(const char* name, const std::string& text) { std::ofstream(path() / name, std::ios::binary) << text; }
    [[nodiscard]] fs::path path() const { return folder.path().toStdString(); }
    QTemporaryDir folder;
};

Error keysOf(const std::string& text, ::mode_t mode = 0600)
{
    const Folder folder("keys", text);
    ::chmod((folder.path() / "keys").c_str(), mode);
    return protocol::loadOrMakeKeys(folder.path() / "keys").error();
}

Error knownOf(const std::string& text)
{
    const Folder folder("known", text);
    return protocol::loadKnownClients(folder.path() / "known").error();
}

/// The end of a channel whose other end has been closed after these bytes.
Error channelAfter(const std::string& bytes)
{
    auto ends = protocol::Channel::pair();
    if (::write(ends->second.get(), bytes.data(), bytes.size()) < 0)
        return {};
    ends->second.reset();
    return ends->first.receive(Deadline(now())).error();
}

/// What the program that starts a private head hears when that refuses with `error`, or just says `line`.
Error refusedHead(const Error& error, const std::string& line = {})
{
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        return {};
    const UniqueFd desktop(ends[0]);
    UniqueFd head(ends[1]);
    if (line.empty())
        (void)protocol::answerPrivateHead(head.get(), error, Deadline::in(Milliseconds(1000)));
    else if (::write(head.get(), line.data(), line.size()) < 0)
        return {};
    if (!line.empty() && line.back() != '\n')
        head.reset();
    return protocol::offerPrivateHead(desktop.get(), {.clientPublicKey = {}, .clientName = {}},
                                      Deadline::in(Milliseconds(1000)))
        .error();
}

Error connected(const std::string& endpoint, const std::string& key)
{
    return protocol::SecureClient::connect({.keys = protocol::makeKeys(), .serverPublicKey = key, .endpoint = endpoint})
        .error();
}

Error listening(const std::string& endpoint)
{
    return protocol::SecureServer::bind(
               {.keys = protocol::makeKeys(), .endpoint = endpoint, .admits = [](const auto&) { return true; }})
        .error();
}

/// A machine asks to join: with a code that is not that of the moment, in another release, or where nobody listens.
enum class Joining { WrongCode, OtherRelease, Nobody };
Error pairing(Joining how)
{
    auto desk = cluster::PairingDesk::open({.endpoint = "tcp://127.0.0.1:*",
                                            .headName = "alpha",
                                            .headPublicKey = protocol::makeKeys().publicKey,
                                            .version = "1.0",
                                            .workersPort = 4711,
                                            .admit = [](const auto&, const auto&) -> Result<Done> { return Done{}; }});
    cluster::JoinLine line{.host = "127.0.0.1", .port = (*desk)->port(), .code = (*desk)->code()};
    if (how == Joining::WrongCode)
        line.code = cluster::makeCode();
    if (how == Joining::Nobody)
        desk->reset();
    return cluster::pairWithHead(line, "beta", protocol::makeKeys().publicKey,
                                 how == Joining::OtherRelease ? "2.0" : "1.0",
                                 Deadline::in(Milliseconds(how == Joining::Nobody ? 300 : 10'000)))
        .error();
}

Error joinLine(const char* text)
{
    return cluster::parseJoinLine(text).error();
}

wire::ManifestFile weights(const std::string& bytes, bool partial)
{
    wire::ManifestFile file;
    file.set_name("model.safetensors");
    file.set_size(bytes.size());
    file.set_sha256(cluster::identityOf(cluster::blockDigests(std::as_bytes(std::span(bytes)))));
    file.set_partial(partial);
    return file;
}

/// A file comes with other bytes than the head has; `doing` says how far.
Error pulled(bool partial, const std::function<Result<Done>(node::PulledFile&)>& doing)
{
    const Folder folder;
    auto file = node::openPulled(folder.path(), weights("abc", partial));
    return file ? doing(**file).error() : file.error();
}

Error tokenizer(const char* json)
{
    return text::readTokenizerJson(json, "tokenizer.json").error();
}

Error vocabulary(std::vector<std::pair<std::string, text::TokenId>> tokens)
{
    return text::Vocabulary::build({.tokens = std::move(tokens), .merges = {{"a", "b"}}}).error();
}

Error sampled(const std::function<void(wire::Sampling&)>& change)
{
    wire::Sampling asked;
    change(asked);
    return node::chooseSampling(asked, {}, "ask").error();
}

Error preprocessing(const char* json)
{
    const Folder folder("preprocessor_config.json", json);
    return media::loadPreprocessConfig(folder.path()).error();
}

const std::vector<Row>& rows()
{
    static const std::vector<Row> all{
        // ---- channels and handshakes ----
        {"an executor that has gone", "channel-closed", [] { return channelAfter({}); }},
        {"an executor that goes in the middle of a word", "channel-closed-within", [] { return channelAfter("abc"); }},
        {"an executor that announces too much", "channel-announces-large",
         [] { return channelAfter(std::string("\xff\xff\xff\x7f\0\0\0\0", 8)); }},
        {"an executor with too many descriptors", "channel-announces-many",
         [] { return channelAfter(std::string("\1\0\0\0\xff\xff\0\0", 8)); }},
        {"a private head that refuses", "no-such-gpu",
         [] {
             return refusedHead(
                 makeError(ErrorCode::BadRequest, say("no-such-gpu", "cuda:9", "1"), say("do-use-first-gpu")));
         }},
        {"a private head that ends", "private-head-gone", [] { return refusedHead({}, "{"); }},
        {"a private head that talks nonsense", "private-socket-nonsense", [] { return refusedHead({}, "hello\n"); }},
        {"a private head of another release", "handshake-other", [] { return refusedHead({}, "{\"version\":2}\n"); }},
        {"a private head without an address", "private-head-nameless",
         [] { return refusedHead({}, "{\"version\":1}\n"); }},
        // ---- keys and addresses ----
        {"a key file that is none", "key-file-header", [] { return keysOf("hello"); }},
        {"a key file without keys", "key-file-lacks", [] { return keysOf("argus-keys 1\n"); }},
        {"a key file of two halves", "key-file-torn",
         [] {
             return keysOf("argus-keys 1\npublic " + protocol::makeKeys().publicKey + "\nsecret " +
                           protocol::makeKeys().secretKey + "\n");
         }},
        {"a key file that others may read", "key-file-open", [] { return keysOf("argus-keys 1\n", 0644); }},
        {"a list of clients with a torn line", "clients-line-no-key", [] { return knownOf("hello\n"); }},
        {"a list of clients with another role", "clients-line-role",
         [] { return knownOf(protocol::makeKeys().publicKey + " attic role=king\n"); }},
        {"a key that is cut off", "head-key-wrong", [] { return connected("tcp://127.0.0.1:1", "abc"); }},
        {"an address that is none", "no-address", [] { return connected("attic:1", protocol::makeKeys().publicKey); }},
        {"an address that cannot be used", "address-unusable",
         [] { return connected("tcp://attic", protocol::makeKeys().publicKey); }},
        {"an address of another machine", "cannot-listen", [] { return listening("tcp://192.0.2.1:47700"); }},
        {"a message of somebody else", "message-foreign",
         [] { return protocol::parseHeadMessage(std::as_bytes(std::span("\xff\xff"))).error(); }},
        {"a head of another protocol", "protocol-differs",
         [] {
             wire::HeadToWorker message;
             message.set_protocol_version(99);
             const std::string frame = message.SerializeAsString();
             return protocol::parseHeadToWorker(std::as_bytes(std::span(frame))).error();
         }},
        // ---- joining ----
        {"a line of something else", "join-line-scheme", [] { return joinLine("http://attic"); }},
        {"a line that the shell cut", "join-line-code-missing", [] { return joinLine("argus://attic:47702"); }},
        {"a line without a port", "join-line-no-host", [] { return joinLine("argus://attic#A"); }},
        {"a line with a port too high", "join-line-port", [] { return joinLine("argus://attic:99999#A"); }},
        {"a line with half a code", "join-line-code", [] { return joinLine("argus://attic:47702#ABC"); }},
        {"a code that is wrong, used or old", "code-refused", [] { return pairing(Joining::WrongCode); }},
        {"a machine of another release", "release-differs", [] { return pairing(Joining::OtherRelease); }},
        {"a head that is not there", "nobody-answers", [] { return pairing(Joining::Nobody); }},
        // ---- attachments ----
        {"an attachment of nothing", "file-empty",
         [] {
             const Folder folder;
             auto store = protocol::UploadStore::open({.folder = folder.path() / "uploads"});
             return std::get<Error>((*store)->begin({.session = "s", .publicKey = "k"}, Sha256(32, 'x'), 0, now()));
         }},
        {"an attachment that nobody has begun", "upload-not-open",
         [] {
             const Folder folder;
             auto store = protocol::UploadStore::open({.folder = folder.path() / "uploads"});
             return std::get<Error>(
                 *(*store)->chunk({.session = "s", .publicKey = "k"}, Sha256(32, 'x'), 0, {}, now()));
         }},
        {"a folder that another head uses", "folder-of-other-head",
         [] {
             const Folder folder;
             const auto one = protocol::UploadStore::open({.folder = folder.path() / "uploads"});
             return protocol::UploadStore::open({.folder = folder.path() / "uploads"}).error();
         }},
        // ---- copies of a model ----
        {"no folder", "not-a-folder", [] { return cluster::manifestOf("/nowhere", {}).error(); }},
        {"a folder without a model", "file-not-there", [] { return cluster::manifestOf(Folder().path(), {}).error(); }},
        {"a list of blocks that is another", "list-wrong",
         [] {
             const Folder folder("list", "abc");
             return cluster::readList(folder.path() / "list", Sha256(32, 'x')).error();
         }},
        {"a note of what has come that is torn", "parts-lacking",
         [] {
             const Folder folder("model.safetensors.argus-parts", "{}");
             return readParts(folder.path() / "model.safetensors").error();
         }},
        {"a file of other content", "pulled-differs",
         [] {
             return pulled(false, [](node::PulledFile& file) {
                 (void)file.take(0, "abd");
                 return file.finish();
             });
         }},
        {"a file of another size", "pulled-differs",
         [] {
             return pulled(false, [](node::PulledFile& file) {
                 (void)file.take(0, "ab");
                 return file.finish();
             });
         }},
        {"a list of other blocks", "pulled-list-differs",
         [] { return pulled(true, [](node::PulledFile& file) { return file.takeList("abc"); }); }},
        {"a block of other content", "pulled-block-differs",
         [] {
             return pulled(true, [](node::PulledFile& file) {
                 const std::string right = "abc";
                 (void)file.takeList(cluster::blockDigests(std::as_bytes(std::span(right))));
                 return file.take(0, "abd");
             });
         }},
        {"a disk that is full", "file-not-written",
         [] {
             const Folder folder;
             fs::create_symlink("/dev/full", folder.path() / "model.safetensors.part");
             auto file = node::openPulled(folder.path(), weights("abc", false));
             return (*file)->take(0, "abc").error();
         }},
        {"a folder that may not be written", "file-not-written",
         [] { return node::openPulled("/proc/nowhere", weights("abc", false)).error(); }},
        {"a copy that is being removed", "copy-going",
         [] {
             const Folder folder;
             const auto removing = node::CopyHold::toRemove(folder.path() / "m");
             return node::CopyHold::take(folder.path() / "m", node::CopyHold::Use::Deployed).error();
         }},
        {"a copy that is being fetched", "copy-coming",
         [] {
             const Folder folder;
             const auto used = node::CopyHold::take(folder.path() / "m", node::CopyHold::Use::Fetched);
             return node::CopyHold::toRemove(folder.path() / "m").error();
         }},
        {"a copy that is in use", "copy-used",
         [] {
             const Folder folder;
             const auto used = node::CopyHold::take(folder.path() / "m", node::CopyHold::Use::Deployed);
             return node::CopyHold::toRemove(folder.path() / "m").error();
         }},
        {"a copy that cannot be locked", "copy-not-locked",
         [] { return node::CopyHold::toRemove("/proc/nowhere/m").error(); }},
        // ---- a model's tokenizer and pictures ----
        {"no tokenizer", "no-tokenizer-json", [] { return text::readTokenizerFolder(Folder().path()).error(); }},
        {"a tokenizer that is a list", "config-no-object", [] { return tokenizer("[]"); }},
        {"a tokenizer without a vocabulary", "config-missing", [] { return tokenizer("{}"); }},
        {"a tokenizer of another kind", "bpe-other",
         [] { return tokenizer(R"({"model":{"type":"Unigram","vocab":{}}})"); }},
        {"a tokenizer with another normalizer", "normalizer-other",
         [] { return tokenizer(R"({"model":{"vocab":{}},"normalizer":{"type":"NFKC"}})"); }},
        {"a tokenizer that cuts otherwise", "pre-tokenizer-other",
         [] { return tokenizer(R"({"model":{"vocab":{}}})"); }},
        {"a vocabulary of nothing", "vocabulary-empty", [] { return vocabulary({}); }},
        {"an id twice", "token-id-twice",
         [] {
             return vocabulary({{"a", 1}, {"b", 1}});
         }},
        {"an id beyond all", "token-id-range",
         [] {
             return vocabulary({{"a", 1 << 24}});
         }},
        {"a byte without a token", "byte-without-token",
         [] {
             return vocabulary({{"a", 1}});
         }},
        {"a picture's sizes in words", "preprocess-number", [] { return preprocessing(R"({"min_pixels":"few"})"); }},
        {"a picture's sizes the wrong way round", "preprocess-pixels",
         [] { return preprocessing(R"({"min_pixels":9,"max_pixels":3})"); }},
        // ---- questions ----
        {"a temperature below zero", "do-at-least",
         [] {
             const Error error = sampled([](wire::Sampling& asked) { asked.set_temperature(-1); });
             return makeError(error.code, say("then", error.saidCause(), error.saidRemedy()));
         }},
        {"a top_p of zero", "sampling-outside",
         [] { return sampled([](wire::Sampling& asked) { asked.set_top_p(0); }); }},
        {"a conversation beyond the context", "conversation-too-long",
         [] { return node::answerRoom({}, 4096, 4096).error(); }},
        {"an answer beyond the context", "answer-too-long",
         [] {
             return node::answerRoom({.plan = {}, .maxTokens = 500, .maxTokensExplicit = true, .stops = {}}, 4000, 4096)
                 .error();
         }},
    };
    return all;
}

} // namespace

class TstSpokenBetween : public QObject {
    Q_OBJECT
    Language m_language;

private slots:
    void everyFailureIsChinese_data()
    {
        QTest::addColumn<int>("index");
        for (std::size_t i = 0; i < rows().size(); ++i)
            QTest::newRow(rows()[i].name) << static_cast<int>(i);
    }
    void everyFailureIsChinese()
    {
        QFETCH(int, index);
        m_language.set("zh_CN");
        saysInChinese(rows()[static_cast<std::size_t>(index)]);
    }
};

QTEST_GUILESS_MAIN(TstSpokenBetween)
#include "tst_spoken_between.moc"
