#include "gui/chat/markdown_splitter.h"

#include <QTest>

using namespace argus::gui;

class TstMarkdownSplitter : public QObject {
    Q_OBJECT

private slots:
    void fencesBecomeCode()
    {
        const auto blocks = splitMarkdown("Before\n\n```json\n{\"a\": 1}\n```\nAfter");
        QCOMPARE(blocks.size(), 3);
        QCOMPARE(blocks[1].kind, MarkdownBlock::Kind::Code);
        QCOMPARE(blocks[1].language, "json");
        QCOMPARE(blocks[1].text, "{\"a\": 1}");
        QVERIFY(blocks[1].closed);
        QCOMPARE(blocks[2].text, "After");
    }

    void anOpenFenceIsCodeAlready()
    {
        const auto blocks = splitMarkdown("```\nint x;\n``");
        QCOMPARE(blocks.size(), 1);
        QCOMPARE(blocks[0].kind, MarkdownBlock::Kind::Code);
        QVERIFY(!blocks[0].closed);
        QCOMPARE(splitMarkdown("~~~\n```\n~~~")[0].text, "```");
        QCOMPARE(splitMarkdown("a ``` b")[0].kind, MarkdownBlock::Kind::Prose);
    }

    void closedBlocksStayWhileTheTextGrows()
    {
        QString text;
        for (int i = 0; i < 80; ++i)
            text +=
                QString("Paragraph %1 with some words in it, so that it is longer than a line would be.\n\n").arg(i) +
                (i % 9 == 0 ? QString("```cpp\nint v%1;\n```\n").arg(i) : QString());
        const auto whole = splitMarkdown(text);
        QVERIFY(whole.size() > 10);
        for (qsizetype length = 0; length < text.size(); length += 37) {
            const auto part = splitMarkdown(text.left(length));
            for (qsizetype i = 0; i < part.size(); ++i)
                if (part[i].closed)
                    QCOMPARE(part[i], whole[i]);
        }
    }

    void listsAreNotCut()
    {
        QString list;
        for (int i = 1; i < 100; ++i)
            list += QString("%1. An item with enough words to fill some of the room there is\n\n").arg(i);
        QCOMPARE(splitMarkdown(list).size(), 1);
    }

    void nothingIsLost()
    {
        const QString text = "# A\n\nb <box> c\n\n| a | b |\n|---|---|\n| 1 | 2 |\n";
        QString joined;
        for (const auto& block : splitMarkdown(text))
            joined += block.text;
        QCOMPARE(joined, text);
        QVERIFY(splitMarkdown("").isEmpty());
    }

    void marksOfTheModelAreReadable()
    {
        QCOMPARE(withoutModelMarks("<|object_ref_start|>the cat<|object_ref_end|><|box_start|>(1,2),(3,4)<|box_end|>"),
                 "the cat[(1,2),(3,4)]");
        QCOMPARE(withoutModelMarks("<ref>cat</ref><box>(1,2),(3,4)</box>"), "cat[(1,2),(3,4)]");
        QCOMPARE(withoutModelMarks("a <box> tag and x < y"), "a <box> tag and x < y");
    }
};

QTEST_GUILESS_MAIN(TstMarkdownSplitter)
#include "tst_markdown_splitter.moc"
