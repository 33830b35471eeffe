#include "engine/base/json_limits.h"

#include <QtTest>

#include <nlohmann/json.hpp>

using namespace argus;

class TstJsonLimits : public QObject {
    Q_OBJECT
private slots:
    void buildsTheSameDocumentAsTheLibrary()
    {
        const std::string text = "{\"a\": [1, -2, 3.5, true, null, \"x\\u00e9\", {\"b\": {}}, []], \"c\": {\"d\": "
                                 "\"e\"}, \"z\": 18446744073709551615}";
        const auto document = parseJson(text, "f", {});
        QVERIFY(document.ok());
        QVERIFY(*document == nlohmann::json::parse(text));
        QVERIFY(*parseJson("7", "f", {}) == 7);
    }

    void refusesWhatIsBeyondItsBounds_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("cause");
        const int corrupt = static_cast<int>(ErrorCode::Corrupt);
        QTest::newRow("too long") << QByteArray(101, ' ') << static_cast<int>(ErrorCode::TooLarge)
                                  << QByteArray("101 bytes of JSON, at most 100");
        QTest::newRow("too deep") << QByteArray("[[[[") << corrupt
                                  << QByteArray("file, byte 4: nested more than 3 deep");
        QTest::newRow("too many values") << QByteArray("[1,2,3,4,5,6,7,8,9,10]") << corrupt
                                         << QByteArray("more than 9 values");
        QTest::newRow("key twice") << QByteArray("{\"k\":1,\"k\":2}") << corrupt
                                   << QByteArray("byte 10: the key \"k\" occurs twice");
        QTest::newRow("text after it") << QByteArray("{} x") << corrupt << QByteArray("byte 4");
        QTest::newRow("cut") << QByteArray("{\"k\":[1,") << corrupt << QByteArray("byte 8");
        QTest::newRow("invalid UTF-8") << QByteArray("[\"\xff\"]") << corrupt << QByteArray("byte 3");
        QTest::newRow("number too large") << QByteArray("[1e999]") << corrupt << QByteArray("not JSON");
        QTest::newRow("empty") << QByteArray() << corrupt << QByteArray("byte 0");
    }
    void refusesWhatIsBeyondItsBounds()
    {
        QFETCH(QByteArray, text);
        QFETCH(int, code);
        QFETCH(QByteArray, cause);
        const auto document = parseJson(std::string_view(text.constData(), static_cast<std::size_t>(text.size())),
                                        "file", {.bytes = 100, .depth = 3, .values = 9});
        QVERIFY(!document.ok());
        QVERIFY2(document.error().cause.find(cause.toStdString()) != std::string::npos, document.error().cause.c_str());
        QCOMPARE(static_cast<int>(document.error().code), code);
    }
};

QTEST_GUILESS_MAIN(TstJsonLimits)
#include "tst_json_limits.moc"
