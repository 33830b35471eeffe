#include "engine/text/detokenizer.h"
#include "engine/text/utf8.h"

#include <QtTest>

#include <random>

using namespace argus::text;

namespace {

std::shared_ptr<const Tokenizer> demoTokenizer()
{
    static const auto tokenizer = Tokenizer::load(std::string(ARGUS_SOURCE_DIR) + "/resources/demo-model").value();
    return tokenizer;
}

/// The token of one byte: what splits characters between tokens.
TokenId byteToken(unsigned char byte)
{
    for (TokenId id = 0; id < static_cast<TokenId>(demoTokenizer()->size()); ++id)
        if (demoTokenizer()->bytesOf(id).size() == 1 &&
            static_cast<unsigned char>(demoTokenizer()->bytesOf(id)[0]) == byte)
            return id;
    return -1;
}

std::vector<TokenId> byteTokens(std::string_view bytes)
{
    std::vector<TokenId> ids;
    for (const char byte : bytes)
        ids.push_back(byteToken(static_cast<unsigned char>(byte)));
    return ids;
}

struct Streamed {
    std::vector<std::string> pieces;
    std::string text;
    bool stopped = false;
};

Streamed stream(const std::vector<TokenId>& ids, const std::vector<std::string>& stops = {}, bool skipSpecial = true)
{
    Detokenizer detokenizer(demoTokenizer(), stops, skipSpecial);
    Streamed result;
    for (const TokenId id : ids) {
        const Detokenizer::Piece piece = detokenizer.add(id);
        result.pieces.push_back(piece.text);
        result.text += piece.text;
        result.stopped = piece.stopped;
    }
    result.text += detokenizer.finish();
    return result;
}

} // namespace

class TstDetokenizer : public QObject {
    Q_OBJECT
private slots:
    void holdsBackHalfACharacter()
    {
        const Streamed streamed = stream(byteTokens("a\xe4\xbd\xa0\xf0\x9f\x98\x80"));
        const std::vector<std::string> wanted{"a", "", "", "\xe4\xbd\xa0", "", "", "", "\xf0\x9f\x98\x80"};
        QCOMPARE(streamed.pieces, wanted);
    }

    void replacesWhatCanNeverBeACharacter_data()
    {
        QTest::addColumn<QByteArray>("bytes");
        QTest::addColumn<QByteArray>("text");
        const QByteArray r = "\xef\xbf\xbd";
        QTest::newRow("lone continuation") << QByteArray("a\x80"
                                                         "b")
                                           << "a" + r + "b";
        QTest::newRow("impossible byte") << QByteArray("\xff") << r;
        QTest::newRow("cut, then ASCII") << QByteArray("\xe4\xbd!") << r + "!";
        QTest::newRow("cut, then another character") << QByteArray("\xe4\xbd\xc3\xa9") << r + "\xc3\xa9";
        QTest::newRow("overlong") << QByteArray("\xc0\xaf") << r + r;
        QTest::newRow("overlong of three") << QByteArray("\xe0\x80\xaf") << r + r + r;
        QTest::newRow("surrogate") << QByteArray("\xed\xa0\x80") << r + r + r;
        QTest::newRow("beyond U+10FFFF") << QByteArray("\xf4\x90\x80\x80") << r + r + r + r;
        QTest::newRow("three of four at the end") << QByteArray("a\xf0\x9f\x98") << "a" + r;
        QTest::newRow("two of four, then text") << QByteArray("\xf0\x9fxy") << r + "xy";
    }
    void replacesWhatCanNeverBeACharacter()
    {
        QFETCH(QByteArray, bytes);
        QFETCH(QByteArray, text);
        const auto ids = byteTokens(std::string_view(bytes.constData(), static_cast<std::size_t>(bytes.size())));
        QCOMPARE(QByteArray::fromStdString(stream(ids).text), text);
        QCOMPARE(QByteArray::fromStdString(demoTokenizer()->decode(ids, true)), text);
    }

    void streamsTheSameAsDecodingAtOnce()
    {
        std::mt19937 random(3);
        for (int round = 0; round < 2000; ++round) {
            std::vector<TokenId> ids(random() % 12);
            for (TokenId& id : ids)
                id = static_cast<TokenId>(random() % (demoTokenizer()->size() + 4));
            const bool skip = random() % 2 == 0;
            const Streamed streamed = stream(ids, {}, skip);
            QCOMPARE(streamed.text, demoTokenizer()->decode(ids, skip));
            for (const std::string& piece : streamed.pieces)
                QCOMPARE(validPrefix(piece), piece.size());
        }
    }

    void leavesOutSpecialTokensOnRequest()
    {
        const auto end = demoTokenizer()->addedToken("<|im_end|>");
        const auto call = demoTokenizer()->addedToken("<tool_call>");
        QVERIFY(end && call);
        QCOMPARE(stream({*call, *end}).text, std::string("<tool_call>"));
        QCOMPARE(stream({*call, *end}, {}, false).text, std::string("<tool_call><|im_end|>"));
        QCOMPARE(stream({-1, 1'000'000}).text, std::string());
    }

    void stopsBeforeAStopString()
    {
        const Streamed streamed = stream(byteTokens("one STOP two"), {"STOP"});
        QCOMPARE(streamed.text, std::string("one "));
        QVERIFY(streamed.stopped);
    }

    void withholdsOnlyWhatMayBecomeAStopString()
    {
        const Streamed streamed = stream(byteTokens("aSTxSTO"), {"STOP"});
        const std::vector<std::string> wanted{"a", "", "", "STx", "", "", ""};
        QCOMPARE(streamed.pieces, wanted);
        QCOMPARE(streamed.text, std::string("aSTxSTO"));
        QVERIFY(!streamed.stopped);
    }

    void takesTheEarliestOfSeveralStopStrings()
    {
        QCOMPARE(stream(byteTokens("xabcdey"), {"de", "bcd", ""}).text, std::string("xa"));
        QCOMPARE(stream(byteTokens("aaab"), {"aab"}).text, std::string("a"));
    }

    void findsAStopStringInsideOneToken()
    {
        const auto ids = demoTokenizer()->encode("There is a red circle", Tokenizer::AddedTokens::Escape);
        QVERIFY(ids.size() < 21); // tokens longer than a letter
        QCOMPARE(stream(ids, {"ed c"}).text, std::string("There is a r"));
        QCOMPARE(stream(ids, {"\xe4\xbd\xa0"}).text, std::string("There is a red circle"));
    }

    void saysNothingAfterAStop()
    {
        Detokenizer detokenizer(demoTokenizer(), {"b"});
        QCOMPARE(detokenizer.add(byteToken('a')).text, std::string("a"));
        QVERIFY(detokenizer.add(byteToken('b')).stopped);
        const Detokenizer::Piece after = detokenizer.add(byteToken('c'));
        QVERIFY(after.stopped && after.text.empty());
        QVERIFY(detokenizer.finish().empty());
    }
};

QTEST_GUILESS_MAIN(TstDetokenizer)
#include "tst_detokenizer.moc"
