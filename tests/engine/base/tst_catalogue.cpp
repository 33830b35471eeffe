#include "engine/base/catalogue.h"
#include "engine/base/error.h"

#include <QtTest>

#include <set>

using namespace argus;

class TstCatalogue : public QObject {
    Q_OBJECT
private slots:
    void everySentenceHasAnIdOfItsOwn();
    void valuesStandInTheirPlaces();
    void severalSentencesAreJoinedAsTheTemplateSays();
    void whatIsMissingStaysVisible();
    void anErrorSaysTheSameTwice();
    void wordsThatWereChangedAreTheirOwn();
};

void TstCatalogue::everySentenceHasAnIdOfItsOwn()
{
    std::set<std::string_view> ids;
    std::set<std::string_view> sentences;
    for (const SaidTemplate& each : kCatalogue) {
        QVERIFY2(ids.insert(each.id).second, each.english);
        QVERIFY2(sentences.insert(each.english).second, each.english);
        QCOMPARE(findTemplate(each.id), &each);
        const PlaceholderNames names = placeholdersOf(each.english);
        for (std::size_t i = 0; i < names.count; ++i)
            QVERIFY2(names.names[i].find_first_not_of("abcdefghijklmnopqrstuvwxyz") == std::string_view::npos &&
                         !names.names[i].empty(),
                     each.english);
    }
    QCOMPARE(findTemplate("of another release"), nullptr);
}

void TstCatalogue::valuesStandInTheirPlaces()
{
    const Said said = say("clock-ahead", std::string("gpu-b"), say("minutes", 3, 12));
    QCOMPARE(english(said), std::string("the clock of gpu-b is 3 min 12 s ahead (only times in logs are affected)"));
    QCOMPARE(said.values[0].name, std::string("node"));
    QCOMPARE(said.values[1].parts.size(), std::size_t{1});
    QCOMPARE(english({}), std::string());
    QCOMPARE(english(Said("words of a library")), std::string("words of a library"));
}

void TstCatalogue::severalSentencesAreJoinedAsTheTemplateSays()
{
    std::vector<Said> there{say("node-has", "gpu-a", 8), say("node-has", "gpu-b", 7)};
    QCOMPARE(english(say("too-few", say("need-gpus", 16, 8, 2), there)),
             std::string("16 GPUs are needed, 8 on one machine for each of 2 stages; of those that can be used gpu-a "
                         "has 8, gpu-b has 7"));
    QCOMPARE(english(say("all-occupied", std::vector<Said>{"this", "that"})), std::string("this; that"));
}

void TstCatalogue::whatIsMissingStaysVisible()
{
    Said said = say("do-at-most", 5);
    said.values.clear();
    QCOMPARE(english(said), std::string("use at most {most}"));
    said.id = "of another release";
    QCOMPARE(english(said), std::string("of another release"));
}

void TstCatalogue::anErrorSaysTheSameTwice()
{
    const Error error =
        makeError(ErrorCode::TooLarge, say("too-many-images", 11, 10), say("do-ask-again"), "max_images");
    QCOMPARE(error.text(), std::string("this conversation has 11 images, but at most 10 are allowed; ask again"));
    QCOMPARE(english(error.causeSaid), error.cause);
    const Error deeper = Error(error).in("gpu-a");
    QCOMPARE(deeper.cause, "gpu-a: " + error.cause);
    QCOMPARE(english(deeper.causeSaid), deeper.cause);
    const Error plain = Error{ErrorCode::Io, "the disk is gone", {}, {}}.in("gpu-a");
    QCOMPARE(english(plain.causeSaid), std::string("gpu-a: the disk is gone"));
}

void TstCatalogue::wordsThatWereChangedAreTheirOwn()
{
    Error error = makeError(ErrorCode::Io, say("do-ask-again"), say("do-ask-later"));
    error.cause += ", and soon";
    QCOMPARE(error.saidCause(), Said("ask again, and soon"));
    QCOMPARE(error.saidRemedy(), say("do-ask-later"));
}

QTEST_GUILESS_MAIN(TstCatalogue)
#include "tst_catalogue.moc"
