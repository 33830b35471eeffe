#include "engine/tensor/safetensors.h"

#include <QtTest>

#include <cstring>

using namespace argus;

namespace {

/// A file of this header and so many data bytes, numbered from 0.
QByteArray fileOf(const QByteArray& header, int dataBytes)
{
    QByteArray file(8, '\0');
    for (int i = 0; i < 8; ++i)
        file[i] = static_cast<char>(static_cast<quint64>(header.size()) >> (8 * i));
    file += header;
    for (int i = 0; i < dataBytes; ++i)
        file += static_cast<char>(i);
    return file;
}

std::span<const std::byte> bytesOf(const QByteArray& file)
{
    return {reinterpret_cast<const std::byte*>(file.constData()), static_cast<std::size_t>(file.size())};
}

/// One entry of a header.
QByteArray entry(const char* name, const char* dtype, const char* shape, const char* offsets)
{
    return QByteArray("\"") + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape +
           ",\"data_offsets\":" + offsets + "}";
}

QByteArray header(const QList<QByteArray>& entries)
{
    return "{" + entries.join(',') + "}";
}

} // namespace

class TstSafetensors : public QObject {
    Q_OBJECT
private slots:
    void readsTheDocumentedHeader()
    {
        const QByteArray text =
            header({"\"__metadata__\":{\"format\":\"pt\"}", entry("a.weight", "BF16", "[2,3]", "[0,12]"),
                    entry("b.bias", "F32", "[1]", "[12,16]")});
        QCOMPARE(text.size(), 156);
        const QByteArray file = fileOf(text + "    ", 16);
        QCOMPARE(file.size(), 184);
        const auto parsed = SafetensorsFile::parse(bytesOf(file), "f");
        QVERIFY2(parsed.ok(), parsed.ok() ? "" : parsed.error().text().c_str());
        QCOMPARE((*parsed)->entries().size(), std::size_t{2});
        const auto bias = (*parsed)->tensor("b.bias");
        QVERIFY(bias.ok());
        const quint8 wanted[] = {12, 13, 14, 15};
        QVERIFY(std::memcmp(bias->bytes(), wanted, 4) == 0);
        QVERIFY((*parsed)->tensor("a.weight")->shape() == (Shape{2, 3}));
        QCOMPARE((*parsed)->tensor("c").error().code, ErrorCode::NotFound);
    }

    void alignsWhatTheFileDoesNot()
    {
        const QByteArray file = fileOf(header({entry("x", "U8", "[1]", "[0,1]"), entry("y", "F32", "[2]", "[1,9]"),
                                               entry("z", "I64", "[0]", "[9,9]")}),
                                       9);
        const auto parsed = SafetensorsFile::parse(bytesOf(file), "f");
        QVERIFY2(parsed.ok(), parsed.ok() ? "" : parsed.error().text().c_str());
        const auto view = (*parsed)->tensor("y");
        QVERIFY(view.ok());
        QVERIFY(reinterpret_cast<std::uintptr_t>(view->bytes()) % 4 == 0);
        const quint8 wanted[] = {1, 2, 3, 4, 5, 6, 7, 8};
        QVERIFY(std::memcmp(view->bytes(), wanted, 8) == 0);
        QVERIFY((*parsed)->tensor("y")->bytes() == view->bytes()); // copied once
        QCOMPARE((*parsed)->tensor("z")->shape().elements(), std::int64_t{0});
    }

    void acceptsScalarsEmptyTensorsAndEmptyFiles()
    {
        QVERIFY(SafetensorsFile::parse(bytesOf(fileOf("{}", 0)), "f").ok());
        const QByteArray file = fileOf(header({entry("s", "F64", "[]", "[0,8]"), entry("e", "F16", "[3,0]", "[8,8]"),
                                               entry("b", "F16", "[0]", "[0,0]")}),
                                       8);
        const auto parsed = SafetensorsFile::parse(bytesOf(file), "f");
        QVERIFY2(parsed.ok(), parsed.ok() ? "" : parsed.error().text().c_str());
        QCOMPARE((*parsed)->tensor("s")->rank(), 0);
    }

    void refusesWhatBreaksARule_data()
    {
        QTest::addColumn<QByteArray>("file");
        QTest::addColumn<int>("code");
        QTest::addColumn<QByteArray>("position");
        QTest::addColumn<QByteArray>("rule");
        const auto row = [](const char* name, const QByteArray& file, const QByteArray& position, const char* rule,
                            ErrorCode code = ErrorCode::Corrupt) {
            QTest::newRow(name) << file << static_cast<int>(code) << position << QByteArray(rule);
        };
        const auto at = [](const QByteArray& text, int offset) {
            return "byte " + QByteArray::number(8 + text.size() + offset);
        };
        const QByteArray good = header({entry("a", "F32", "[2]", "[0,8]")});
        row("empty", {}, "byte 0", "header too small");
        row("seven bytes", QByteArray(7, '\0'), "byte 0", "header too small");
        row("header beyond the file", QByteArray("\x20\0\0\0\0\0\0\0{}", 10), "byte 0", "invalid header length");
        row("header of 4 GB", QByteArray("\0\0\0\0\1\0\0\0{}", 10), "byte 0", "header too large");
        row("header of 2^64 - 1", QByteArray(8, '\xff') + "{}", "byte 0", "header too large");
        row("no brace", fileOf(" {}", 0), "byte 8", "invalid header start");
        row("a list", fileOf("[]", 0), "byte 8", "invalid header start");
        row("broken JSON", fileOf("{\"a\":", 0), "byte 5", "not JSON");
        row("invalid UTF-8", fileOf("{\"\xff\":1}", 0), "byte 3", "UTF-8");
        row("bomb", fileOf("{\"a\":" + QByteArray(100'000, '['), 0), "byte", "nested");
        row("name twice", fileOf(header({entry("a", "U8", "[1]", "[0,1]"), entry("a", "U8", "[1]", "[0,1]")}), 1),
            "byte", "occurs twice");
        row("metadata of numbers", fileOf("{\"__metadata__\":{\"a\":1}}", 0), "byte 8", "__metadata__");
        row("metadata of another format", fileOf("{\"__metadata__\":{\"format\":\"exe\"}}", 0), "byte 8", "format");
        row("entry is a number", fileOf("{\"a\":1}", 0), "byte 8", "not an object");
        row("entry without dtype", fileOf("{\"a\":{\"shape\":[1],\"data_offsets\":[0,1]}}", 1), "byte 8", "dtype");
        row("unknown dtype", fileOf(header({entry("a", "F8_E4M3", "[1]", "[0,1]")}), 1), "byte 8", "F8_E4M3",
            ErrorCode::Unsupported);
        row("six axes", fileOf(header({entry("a", "U8", "[1,1,1,1,1,1]", "[0,1]")}), 1), "byte 8", "6 axes",
            ErrorCode::Unsupported);
        row("negative extent", fileOf(header({entry("a", "U8", "[-1]", "[0,1]")}), 1), "byte 8", "whole number");
        row("fractional extent", fileOf(header({entry("a", "U8", "[1.0]", "[0,1]")}), 1), "byte 8", "whole number");
        row("extent of 2^64", fileOf(header({entry("a", "U8", "[18446744073709551616]", "[0,1]")}), 1), "byte 8",
            "whole number");
        row("shape overflows", fileOf(header({entry("a", "U8", "[4294967296,4294967296]", "[0,0]")}), 0), "byte 8",
            "validation overflow");
        row("bytes overflow", fileOf(header({entry("a", "F64", "[4611686018427387904]", "[0,0]")}), 0), "byte 8",
            "validation overflow");
        row("zero hides an overflow", fileOf(header({entry("a", "U8", "[0,4294967296,4294967296]", "[0,0]")}), 0),
            "byte 8", "validation overflow");
        row("shape and bytes differ", fileOf(header({entry("a", "F32", "[2]", "[0,4]")}), 4), "byte 8",
            "tensor info mismatch");
        row("offsets reversed", fileOf(header({entry("a", "U8", "[1]", "[1,0]")}), 1), "byte 8", "invalid offset");
        row("offsets negative", fileOf(header({entry("a", "U8", "[1]", "[-1,0]")}), 1), "byte 8", "invalid offset");
        row("three offsets", fileOf(header({entry("a", "U8", "[1]", "[0,1,2]")}), 1), "byte 8", "data_offsets");
        const QByteArray late = header({entry("a", "U8", "[1]", "[1,2]")});
        row("hole at the start", fileOf(late, 2), at(late, 0), "after a hole");
        const QByteArray hole = header({entry("a", "U8", "[1]", "[0,1]"), entry("b", "U8", "[1]", "[2,3]")});
        row("hole inside", fileOf(hole, 3), at(hole, 1), "after a hole");
        const QByteArray overlap = header({entry("a", "U8", "[2]", "[0,2]"), entry("b", "U8", "[2]", "[1,3]")});
        row("overlap", fileOf(overlap, 3), at(overlap, 2), "inside the one before");
        row("data cut", fileOf(good, 7), at(good, 7), "incomplete buffer");
        row("data missing", fileOf(good, 0), at(good, 0), "incomplete buffer");
        row("trailing bytes", fileOf(good, 9), at(good, 8), "belong to no tensor");
        row("far offsets", fileOf(header({entry("a", "U8", "[9223372036854775807]", "[0,9223372036854775807]")}), 1),
            "byte", "incomplete buffer");
    }
    void refusesWhatBreaksARule()
    {
        QFETCH(QByteArray, file);
        QFETCH(int, code);
        QFETCH(QByteArray, position);
        QFETCH(QByteArray, rule);
        const auto parsed = SafetensorsFile::parse(bytesOf(file), "shard.safetensors");
        QVERIFY(!parsed.ok());
        const std::string& cause = parsed.error().cause;
        QVERIFY2(cause.starts_with("shard.safetensors"), cause.c_str());
        QVERIFY2(cause.find(position.toStdString()) != std::string::npos, cause.c_str());
        QVERIFY2(cause.find(rule.toStdString()) != std::string::npos, cause.c_str());
        QCOMPARE(static_cast<int>(parsed.error().code), code);
    }

    void refusesEveryCutOfAGoodFile()
    {
        const QByteArray file =
            fileOf(header({entry("a", "F32", "[2]", "[0,8]"), entry("b", "BF16", "[3]", "[8,14]")}), 14);
        QVERIFY(SafetensorsFile::parse(bytesOf(file), "f").ok());
        for (int length = 0; length < file.size(); ++length)
            QVERIFY2(!SafetensorsFile::parse(bytesOf(file).first(static_cast<std::size_t>(length)), "f").ok(),
                     qPrintable(QString::number(length)));
    }

    void saysWhenTheFileIsNotThere()
    {
        const auto opened = SafetensorsFile::open("/nowhere/model.safetensors");
        QVERIFY(!opened.ok());
        QCOMPARE(opened.error().code, ErrorCode::NotFound);
    }
};

QTEST_GUILESS_MAIN(TstSafetensors)
#include "tst_safetensors.moc"
