"""Sidecars as five programs write them, cut down to what matters for keywords.

Sources: darktable-org/darktable src/common/exif.cc and digiKam dmetadatasettingscontainer.cpp
(fields, Bag and Seq, prefixes); RhetTbull/osxphotos osxphotos/templates/xmp_sidecar.mako (a
description for each namespace, Seq for dc:subject as Apple Photos has it); Adobe's XMP of Lightroom
Classic; Capture One after Adobe's convention, which it follows.
"""

_HEAD = '<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="{}">'
_RDF = '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'

LIGHTROOM = (
    _HEAD.format("Adobe XMP Core 7.0-c000 1.000000, 0000/00/00-00:00:00        ")
    + f"""
 {_RDF}
  <rdf:Description rdf:about=""
    xmlns:xmp="http://ns.adobe.com/xap/1.0/"
    xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:crs="http://ns.adobe.com/camera-raw-settings/1.0/"
   xmp:Rating="4"
   xmp:MetadataDate="2026-05-01T10:00:00+02:00"
   photoshop:SidecarForExtension="NEF"
   crs:Version="15.4"
   crs:Exposure2012="+0.35"
   crs:HasSettings="True">
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Malm\u00f6</rdf:li>
     <rdf:li>Places</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Malm\u00f6</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <crs:ToneCurvePV2012>
    <rdf:Seq>
     <rdf:li>0, 0</rdf:li>
     <rdf:li>255, 255</rdf:li>
    </rdf:Seq>
   </crs:ToneCurvePV2012>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
)

DIGIKAM = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    + _HEAD.format("XMP Core 4.4.0-Exiv2")
    + f"""
 {_RDF}
  <rdf:Description rdf:about=""
    xmlns:digiKam="http://www.digikam.org/ns/1.0/"
    xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:mediapro="http://ns.iview-multimedia.com/mediapro/1.0/"
    xmlns:acdsee="http://ns.acdsee.com/iptc/1.0/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
   digiKam:PickLabel="3"
   acdsee:categories="&lt;Categories&gt;&lt;Category Assigned=&quot;0&quot;&gt;Places&lt;Category
 Assigned=&quot;1&quot;&gt;Malm\u00f6&lt;/Category&gt;&lt;/Category&gt;&lt;/Categories&gt;">
   <digiKam:TagsList>
    <rdf:Seq>
     <rdf:li>Places/Malm\u00f6</rdf:li>
     <rdf:li>_Digikam_Internal_Tags_/Pick Label Accepted</rdf:li>
    </rdf:Seq>
   </digiKam:TagsList>
   <MicrosoftPhoto:LastKeywordXMP>
    <rdf:Bag>
     <rdf:li>Places/Malm\u00f6</rdf:li>
    </rdf:Bag>
   </MicrosoftPhoto:LastKeywordXMP>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Malm\u00f6</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
   <mediapro:CatalogSets>
    <rdf:Bag>
     <rdf:li>Places|Malm\u00f6</rdf:li>
    </rdf:Bag>
   </mediapro:CatalogSets>
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Malm\u00f6</rdf:li>
    </rdf:Bag>
   </dc:subject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""
)

CAPTURE_ONE = (
    _HEAD.format("XMP Core 5.5.0")
    + f"""
   {_RDF}
      <rdf:Description rdf:about=""
            xmlns:xmp="http://ns.adobe.com/xap/1.0/">
         <xmp:Rating>3</xmp:Rating>
         <xmp:Label></xmp:Label>
      </rdf:Description>
      <rdf:Description rdf:about=""
            xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
         <photoshop:SidecarForExtension>NEF</photoshop:SidecarForExtension>
      </rdf:Description>
      <rdf:Description rdf:about=""
            xmlns:lightroom="http://ns.adobe.com/lightroom/1.0/">
         <lightroom:hierarchicalSubject>
            <rdf:Bag>
               <rdf:li>Places|Malm\u00f6</rdf:li>
            </rdf:Bag>
         </lightroom:hierarchicalSubject>
      </rdf:Description>
      <rdf:Description rdf:about=""
            xmlns:dc="http://purl.org/dc/elements/1.1/">
         <dc:subject>
            <rdf:Bag>
               <rdf:li>Malm\u00f6</rdf:li>
            </rdf:Bag>
         </dc:subject>
      </rdf:Description>
   </rdf:RDF>
</x:xmpmeta>
"""
)

APPLE_PHOTOS = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n'
    + _HEAD.format("XMP Core 5.4.0")
    + f"""
{_RDF}
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/">
 <photoshop:SidecarForExtension></photoshop:SidecarForExtension>
 <dc:description></dc:description>
 <!-- keywords and persons listed in dc:subject as Photos does -->
 <dc:subject>
  <rdf:Seq>
   <rdf:li>Malm\u00f6</rdf:li>
  </rdf:Seq>
 </dc:subject>
 <photoshop:DateCreated>2026-05-01T10:00:00+02:00</photoshop:DateCreated>
</rdf:Description>
<rdf:Description rdf:about="" xmlns:digiKam="http://www.digikam.org/ns/1.0/">
 <digiKam:TagsList>
  <rdf:Seq>
   <rdf:li>Malm\u00f6</rdf:li>
  </rdf:Seq>
 </digiKam:TagsList>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>
"""
)


def darktable(edits: int = 3) -> str:
    """Make a sidecar with a history of so many edits, each of some 2 KB."""
    step = (
        '<rdf:li darktable:num="{0}" darktable:operation="retouch" darktable:enabled="1" '
        'darktable:modversion="2" darktable:params="gz13{1}" darktable:multi_name="" '
        'darktable:blendop_version="13" darktable:blendop_params="gz12eJxjYGBg"/>'
    )
    steps = "\n      ".join(step.format(n, "eJztwTEBAAAA" * 160) for n in range(edits))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        + _HEAD.format("XMP Core 4.4.0-Exiv2")
        + f"""
 {_RDF}
  <rdf:Description rdf:about=""
    xmlns:darktable="http://darktable.sf.net/"
    xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
    xmlns:later="http://example.org/unknown/"
   darktable:xmp_version="5"
   darktable:raw_params="0"
   darktable:auto_presets_applied="1"
   later:unknown="kept"
   darktable:history_end="{edits}">
   <darktable:history>
    <rdf:Seq>
      {steps}
    </rdf:Seq>
   </darktable:history>
   <!-- kept -->
   <dc:subject>
    <rdf:Bag>
     <rdf:li>Malm\u00f6</rdf:li>
     <rdf:li>Places</rdf:li>
    </rdf:Bag>
   </dc:subject>
   <lr:hierarchicalSubject>
    <rdf:Bag>
     <rdf:li>Places|Malm\u00f6</rdf:li>
     <rdf:li>darktable|exported|jpg</rdf:li>
    </rdf:Bag>
   </lr:hierarchicalSubject>
  </rdf:Description>
 </rdf:RDF>
</x:xmpmeta>
"""
    )
