#include "engine/text/piece_cutter.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <unicode/uchar.h>

#include <QtTest>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace argus::text;

namespace {

std::vector<std::string> cut(const UnicodeClasses& classes, const std::string& text)
{
    std::vector<std::string> pieces;
    PieceCutter cutter(classes, text);
    for (std::string_view piece = cutter.next(); !piece.empty(); piece = cutter.next())
        pieces.emplace_back(piece);
    return pieces;
}

/// The expression itself, run by PCRE2.
class Reference {
public:
    Reference()
    {
        int error = 0;
        PCRE2_SIZE offset = 0;
        m_code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kPiecePattern.data()), kPiecePattern.size(),
                               PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
        m_match = m_code ? pcre2_match_data_create_from_pattern(m_code, nullptr) : nullptr;
    }
    ~Reference()
    {
        pcre2_match_data_free(m_match);
        pcre2_code_free(m_code);
    }
    Reference(const Reference&) = delete;
    Reference& operator=(const Reference&) = delete;
    [[nodiscard]] bool ready() const { return m_match != nullptr; }
    [[nodiscard]] std::vector<std::string> cut(const std::string& text) const
    {
        std::vector<std::string> pieces;
        for (std::size_t at = 0; at < text.size();) {
            if (pcre2_match(m_code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), at, PCRE2_ANCHORED, m_match,
                            nullptr) < 1)
                return {"no match"};
            const PCRE2_SIZE* found = pcre2_get_ovector_pointer(m_match);
            pieces.push_back(text.substr(found[0], found[1] - found[0]));
            at = found[1];
        }
        return pieces;
    }

private:
    pcre2_code* m_code = nullptr;
    pcre2_match_data* m_match = nullptr;
};

/// White_Space until Unicode 6.2, and PCRE2's \s holds on to it.
constexpr char32_t kMongolianVowelSeparator = 0x180e;

/// Strings of characters that matter to the expression, and of any that both Unicode tables know alike.
std::string randomText(std::mt19937& random)
{
    static const std::u32string kTelling = U"  "
                                           U"\t\n\r\u00a0\u0085\u3000\u2028'''sStTrRvVeEmMlLdDxy09.,!-_"
                                           U"\u017f\u0301\u4f60\u597d\u00e9\u0663\u00bd\u2460\u212a";
    std::string text;
    const std::size_t length = random() % 24;
    while (text.size() < length) {
        char32_t c = kTelling[random() % kTelling.size()];
        if (random() % 8 == 0) {
            c = static_cast<char32_t>(random() % 0x30000);
            const bool known = (c < 0xd800 || c > 0xdfff) && u_charType(static_cast<UChar32>(c)) != U_UNASSIGNED;
            UVersionInfo age = {};
            u_charAge(static_cast<UChar32>(c), age);
            if (!known || age[0] > 13 || c == kMongolianVowelSeparator)
                continue;
        }
        appendUtf8(text, c);
    }
    return text;
}

} // namespace

class TstPieceCutter : public QObject {
    Q_OBJECT
private slots:
    void cutsLikeTheExpression()
    {
        const Reference reference;
        QVERIFY(reference.ready());
        const UnicodeClasses classes;
        std::mt19937 random(20250127);
        for (int i = 0; i < 200'000; ++i) {
            const std::string text = randomText(random);
            const auto wanted = reference.cut(text);
            const auto got = cut(classes, text);
            if (got != wanted)
                QFAIL(qPrintable(QString("%1 is cut differently")
                                     .arg(QString::fromStdString(text).toUtf8().toHex(' ').constData())));
        }
    }

    void cutsEveryCharacterLikeTheExpression()
    {
        const Reference reference;
        QVERIFY(reference.ready());
        const UnicodeClasses classes;
        for (char32_t c = 0; c < 0x110000; ++c) {
            UVersionInfo age = {};
            u_charAge(static_cast<UChar32>(c), age);
            if ((c >= 0xd800 && c <= 0xdfff) || age[0] == 0 || age[0] > 13 || c == kMongolianVowelSeparator)
                continue; // unassigned or younger than PCRE2's tables
            std::string text = ".";
            appendUtf8(text, c);
            text += "a1";
            if (cut(classes, text) != reference.cut(text))
                QFAIL(qPrintable(QString("U+%1").arg(static_cast<uint>(c), 4, 16, QChar('0'))));
        }
    }

    void knowsLettersOfNewerUnicode()
    {
        const UnicodeClasses classes;
        for (const char32_t letter : {0x2ebf0, 0x10d4a, 0x16ea0, 0x323b0, 0x1c89})
            QVERIFY2(classes.classOf(letter) == CharClass::Letter,
                     qPrintable(QString::number(static_cast<uint>(letter), 16)));
        QVERIFY(classes.classOf(0x10d40) == CharClass::Number);
        QVERIFY(classes.classOf(0x180e) == CharClass::Other);
        QVERIFY(classes.classOf(0x301) == CharClass::Other);
    }

    void foldsTheLongS()
    {
        const UnicodeClasses classes;
        const std::vector<std::string> wanted{"it", "'\xc5\xbf", "ab"};
        QCOMPARE(cut(classes, "it'\xc5\xbf"
                              "ab"),
                 wanted);
    }

    void neverLosesAByte()
    {
        const UnicodeClasses classes;
        std::mt19937 random(7);
        for (int i = 0; i < 20'000; ++i) {
            const std::string text = randomText(random);
            std::string joined;
            for (const std::string& piece : cut(classes, text))
                joined += piece;
            QCOMPARE(joined, text);
        }
    }
};

QTEST_GUILESS_MAIN(TstPieceCutter)
#include "tst_piece_cutter.moc"
