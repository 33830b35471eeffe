#include "engine/protocol/keys.h"

#include "engine/base/catalogue.h"
#include "engine/base/files.h"
#include "engine/base/sha256.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <zmq.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>

namespace argus::protocol {
namespace fs = std::filesystem;
namespace {

constexpr std::string_view kRoleMark = " role="; // in the file of known clients, behind the name
constexpr std::size_t kKeyCharacters = 40;
constexpr std::string_view kHeader = "argus-keys 1";
constexpr std::uint64_t kMaxKeyFile = 4096;
constexpr std::uint64_t kMaxClientsFile = 1U << 20;
constexpr std::size_t kMaxNameBytes = 128;

Error corrupt(const fs::path& file, Said what)
{
    return makeError(ErrorCode::Corrupt, say("key-file-bad", file.string(), std::move(what)),
                     say("do-restore-key-file"));
}

/// Lines without their ends; a last line without one counts.
std::vector<std::string_view> linesOf(std::string_view text)
{
    std::vector<std::string_view> lines;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        std::string_view line = text.substr(0, end);
        if (line.ends_with('\r'))
            line.remove_suffix(1);
        lines.push_back(line);
        text.remove_prefix(std::min(end + 1, text.size()));
    }
    return lines;
}

Result<CurveKeys> parseKeys(const fs::path& file, std::string_view text)
{
    CurveKeys keys;
    const auto lines = linesOf(text);
    if (lines.empty() || lines[0] != kHeader)
        return corrupt(file, say("key-file-header", kHeader));
    for (const std::string_view line : lines) {
        if (line.starts_with("public "))
            keys.publicKey = line.substr(7);
        else if (line.starts_with("secret "))
            keys.secretKey = line.substr(7);
    }
    if (!isKey(keys.publicKey) || !isKey(keys.secretKey))
        return corrupt(file, say("key-file-lacks"));
    char derived[kKeyCharacters + 1] = {};
    if (::zmq_curve_public(derived, keys.secretKey.c_str()) != 0 || keys.publicKey != derived)
        return corrupt(file, say("key-file-torn"));
    return keys;
}

Result<CurveKeys> loadKeys(const fs::path& file)
{
    struct stat info = {};
    if (::stat(file.c_str(), &info) != 0)
        return makeError(errno == ENOENT ? ErrorCode::NotFound : ErrorCode::Io,
                         say("file-not-inspected", file.string(), systemError(errno)), say("do-look-at-permissions"));
    if (!S_ISREG(info.st_mode) || info.st_uid != ::getuid() || (info.st_mode & 0077) != 0)
        return makeError(ErrorCode::Denied,
                         say("key-file-open", file.string(), fmt::format("{:04o}", info.st_mode & 07777), info.st_uid),
                         say("do-protect-key-file", file.string()));
    auto text = readFile(file, kMaxKeyFile);
    if (!text)
        return std::move(text).error();
    return parseKeys(file, *text);
}

} // namespace

CurveKeys makeKeys()
{
    char publicKey[kKeyCharacters + 1] = {};
    char secretKey[kKeyCharacters + 1] = {};
    do {
        if (::zmq_curve_keypair(publicKey, secretKey) != 0)
            std::abort();          // only a libzmq without CURVE fails here, and that one cannot speak to anybody
    } while (publicKey[0] == '-'); // one in 85, which a command line would take for an option
    return {.publicKey = publicKey, .secretKey = secretKey};
}

CurveKeys keysFrom(std::string_view text, std::string_view purpose)
{
    // The secret of a CURVE key is any 32 bytes; a keyed hash keeps the purposes apart.
    std::array<unsigned char, 32> secret{};
    if (::sodium_init() < 0 ||
        ::crypto_generichash(secret.data(), secret.size(), reinterpret_cast<const unsigned char*>(text.data()),
                             text.size(), reinterpret_cast<const unsigned char*>(purpose.data()), purpose.size()) != 0)
        std::abort(); // purposes are 16 to 64 bytes long, so neither fails
    char secretKey[kKeyCharacters + 1] = {};
    char publicKey[kKeyCharacters + 1] = {};
    if (::zmq_z85_encode(secretKey, secret.data(), secret.size()) == nullptr ||
        ::zmq_curve_public(publicKey, secretKey) != 0)
        std::abort();
    return {.publicKey = publicKey, .secretKey = secretKey};
}

std::string_view roleName(Role role)
{
    return role == Role::Observer ? "observer" : "client";
}

std::optional<Role> roleFromName(std::string_view name)
{
    for (const Role role : {Role::Client, Role::Observer})
        if (roleName(role) == name)
            return role;
    return std::nullopt;
}

bool isKey(std::string_view z85)
{
    if (z85.size() != kKeyCharacters)
        return false;
    constexpr std::string_view kAlphabet =
        "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";
    if (z85.find_first_not_of(kAlphabet) != std::string_view::npos)
        return false;
    std::uint8_t raw[kKeyCharacters / 5 * 4];
    return ::zmq_z85_decode(raw, std::string(z85).c_str()) != nullptr; // a group of five may still exceed 32 bits
}

Result<CurveKeys> loadOrMakeKeys(const fs::path& file)
{
    auto loaded = loadKeys(file);
    if (loaded || loaded.error().code != ErrorCode::NotFound)
        return loaded;
    if (auto folder = makePrivateFolder(file.parent_path()); !folder)
        return folder.error();
    const CurveKeys keys = makeKeys();
    const std::string text = fmt::format("{}\npublic {}\nsecret {}\n", kHeader, keys.publicKey, keys.secretKey);
    // Two programs may make their first keys at once: both write beside it, link() lets one win, and both read the
    // winner's.
    const fs::path mine = fs::path(file).concat(fmt::format(".{}", ::getpid()));
    if (auto written = replaceFile(mine, text, 0600); !written)
        return written.error();
    const bool failed = ::link(mine.c_str(), file.c_str()) != 0 && errno != EEXIST;
    const int number = errno;
    ::unlink(mine.c_str());
    if (failed)
        return makeError(ErrorCode::Io, say("file-not-created", file.string(), systemError(number)),
                         say("do-check-folder-and-disk"));
    return loadKeys(file);
}

Result<std::vector<KnownClient>> loadKnownClients(const fs::path& file)
{
    auto text = readFile(file, kMaxClientsFile);
    if (!text && text.error().code == ErrorCode::NotFound)
        return std::vector<KnownClient>{};
    if (!text)
        return std::move(text).error();
    std::vector<KnownClient> clients;
    int number = 0;
    for (const std::string_view line : linesOf(*text)) {
        ++number;
        if (line.find_first_not_of(" \t") == std::string_view::npos || line.starts_with("# "))
            continue; // "# ", not "#": a key may begin with that character
        const std::string_view key = line.substr(0, line.find(' '));
        if (!isKey(key))
            return makeError(ErrorCode::Corrupt, say("clients-line-no-key", file.string(), number),
                             say("do-mend-line"));
        std::string_view name = key.size() < line.size() ? line.substr(key.size() + 1) : std::string_view();
        std::optional<Role> role = Role::Client;
        if (const std::size_t mark = name.rfind(kRoleMark); mark != name.npos) {
            role = roleFromName(name.substr(mark + kRoleMark.size()));
            name = name.substr(0, mark);
        }
        if (!role)
            return makeError(ErrorCode::Corrupt, say("clients-line-role", file.string(), number), say("do-write-role"));
        clients.push_back(
            {.publicKey = std::string(key), .name = std::string(name.substr(0, kMaxNameBytes)), .role = *role});
    }
    return clients;
}

Result<Done> saveKnownClients(const fs::path& file, const std::vector<KnownClient>& clients)
{
    std::string text = "# public key and name of every computer that may connect, one a line\n";
    for (const KnownClient& client : clients) {
        std::string name = client.name.substr(0, kMaxNameBytes);
        std::replace_if(
            name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 32; }, ' ');
        if (!isKey(client.publicKey))
            return makeError(ErrorCode::BadRequest, say("client-key-wrong", name, client.publicKey.size()),
                             say("do-copy-key"));
        text += fmt::format("{} {}", client.publicKey, name);
        if (client.role != Role::Client || name.find(kRoleMark) != std::string::npos)
            text += fmt::format("{}{}", kRoleMark, roleName(client.role));
        text += '\n';
    }
    if (auto folder = makePrivateFolder(file.parent_path()); !folder)
        return folder.error();
    return replaceFile(file, text, 0600);
}

std::string fingerprint(std::string_view publicKey)
{
    constexpr char kBase32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    constexpr std::size_t kLetters = 20;
    const Sha256 digest = sha256(std::as_bytes(std::span(publicKey)));
    std::string text;
    unsigned bits = 0;
    int held = 0;
    std::size_t next = 0;
    for (std::size_t letter = 0; letter < kLetters; ++letter) {
        while (held < 5) {
            bits = (bits << 8) | static_cast<unsigned char>(digest[next++]);
            held += 8;
        }
        held -= 5;
        if (letter > 0 && letter % 4 == 0)
            text.push_back('-');
        text.push_back(kBase32[(bits >> held) & 31]);
        bits &= (1U << held) - 1;
    }
    return text;
}

} // namespace argus::protocol
