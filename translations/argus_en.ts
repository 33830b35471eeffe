<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en_US">
<context>
    <name>MediaText</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <comment>what an attachment costs</comment>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%1 s · %n frame(s) → %2 · %3</source>
        <extracomment>of a clip: length, frames the model receives, their size, tokens</extracomment>
        <translation>
            <numerusform>%1 s · %n frame → %2 · %3</numerusform>
            <numerusform>%1 s · %n frames → %2 · %3</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::AddWorkerDialog</name>
    <message numerus="yes">
        <source>%Ln device(s)</source>
        <comment>of a machine that has joined</comment>
        <translation>
            <numerusform>%Ln device</numerusform>
            <numerusform>%Ln devices</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::AnswerWidget</name>
    <message numerus="yes">
        <source>%Ln token(s)</source>
        <comment>length of the answer</comment>
        <translation>
            <numerusform>%Ln token</numerusform>
            <numerusform>%Ln tokens</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>prompt %Ln token(s)</source>
        <comment>length of the prompt</comment>
        <translation>
            <numerusform>prompt %Ln token</numerusform>
            <numerusform>prompt %Ln tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::ApplyBar</name>
    <message numerus="yes">
        <source>%Ln question(s) will pause and go on with the new settings.</source>
        <comment>before a restart</comment>
        <translation>
            <numerusform>%Ln question will pause and go on with the new settings.</numerusform>
            <numerusform>%Ln questions will pause and go on with the new settings.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::BoxedPicture</name>
    <message numerus="yes">
        <source>%Ln box(es) in the picture: %1</source>
        <translation>
            <numerusform>%Ln box in the picture: %1</numerusform>
            <numerusform>%Ln boxes in the picture: %1</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::ChatPage</name>
    <message numerus="yes">
        <source>Attachments: %Ln token(s)</source>
        <comment>what the attachments cost</comment>
        <translation>
            <numerusform>Attachments: %Ln token</numerusform>
            <numerusform>Attachments: %Ln tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::ClusterDock</name>
    <message numerus="yes">
        <source>%Ln s ago</source>
        <comment>age of figures in seconds</comment>
        <translation>
            <numerusform>%Ln s ago</numerusform>
            <numerusform>%Ln s ago</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln machine(s)</source>
        <comment>in the cluster</comment>
        <translation>
            <numerusform>%Ln machine</numerusform>
            <numerusform>%Ln machines</numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%Ln device(s)</source>
        <comment>in the cluster</comment>
        <translation>
            <numerusform>%Ln device</numerusform>
            <numerusform>%Ln devices</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::DropOverlay</name>
    <message numerus="yes">
        <source>Drop to attach %Ln file(s)</source>
        <translation>
            <numerusform>Drop to attach %Ln file</numerusform>
            <numerusform>Drop to attach %Ln files</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>argus::gui::LogDialog</name>
    <message numerus="yes">
        <source>The last %Ln line(s), fetched at %1</source>
        <comment>of a log</comment>
        <translation>
            <numerusform>The last line, fetched at %1</numerusform>
            <numerusform>The last %Ln lines, fetched at %1</numerusform>
        </translation>
    </message>
</context>
</TS>
