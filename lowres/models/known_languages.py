"""The languages that bases were trained on, as their makers list them: ISO 639-3 code and script. Imports nothing heavy.

XLM-R, X-MOD, RemBERT and BLOOM: the languages of their model cards, the usual script of each (the cards of XLM-R and RemBERT name
fewer languages than they count). AfroXLMR: those of XLM-R, and the twenty that it was adapted to. M2M100, mBART-50,
NLLB: the languages of their tokenizers. Glot500: the languages and scripts with at least 30 000 sentences in languages_stats.csv of
github.com/cisnlp/Glot500.
"""

from collections.abc import Mapping

# fmt: off
_LISTED: Mapping[str, frozenset[str]] = {name: frozenset(tags.split()) for name, tags in {
    "XLM-R": """
        afr-Latn amh-Ethi ara-Arab asm-Beng aze-Latn bel-Cyrl ben-Beng bos-Latn bre-Latn bul-Cyrl cat-Latn ces-Latn cym-Latn
        dan-Latn deu-Latn ell-Grek eng-Latn epo-Latn est-Latn eus-Latn fas-Arab fin-Latn fra-Latn fry-Latn gla-Latn gle-Latn
        glg-Latn guj-Gujr hau-Latn heb-Hebr hin-Deva hrv-Latn hun-Latn hye-Armn ind-Latn isl-Latn ita-Latn jav-Latn jpn-Jpan
        kan-Knda kat-Geor kaz-Cyrl khm-Khmr kir-Cyrl kor-Kore kur-Latn lao-Laoo lat-Latn lav-Latn lit-Latn mal-Mlym mar-Deva
        mkd-Cyrl mlg-Latn mon-Cyrl msa-Latn mya-Mymr nep-Deva nld-Latn nob-Latn ori-Orya orm-Latn pan-Guru pol-Latn por-Latn
        pus-Arab ron-Latn rus-Cyrl san-Deva sin-Sinh slk-Latn slv-Latn snd-Arab som-Latn spa-Latn sqi-Latn srp-Cyrl sun-Latn
        swa-Latn swe-Latn tam-Taml tel-Telu tgl-Latn tha-Thai tur-Latn uig-Arab ukr-Cyrl urd-Arab uzb-Latn vie-Latn xho-Latn
        yid-Hebr zho-Hans
    """,
    "X-MOD": """
        afr-Latn amh-Ethi ara-Arab aze-Latn bel-Cyrl ben-Beng bul-Cyrl cat-Latn ces-Latn cym-Latn dan-Latn deu-Latn ell-Grek
        eng-Latn epo-Latn est-Latn eus-Latn fas-Arab fin-Latn fra-Latn gle-Latn glg-Latn guj-Gujr hau-Latn heb-Hebr hin-Deva
        hrv-Latn hun-Latn hye-Armn ind-Latn isl-Latn ita-Latn jpn-Jpan kan-Knda kat-Geor kaz-Cyrl khm-Khmr kir-Cyrl kor-Kore
        kur-Latn lao-Laoo lat-Latn lav-Latn lit-Latn mal-Mlym mar-Deva mkd-Cyrl mon-Cyrl msa-Latn mya-Mymr nep-Deva nld-Latn
        nob-Latn ori-Orya pan-Guru pol-Latn por-Latn pus-Arab ron-Latn rus-Cyrl san-Deva sin-Sinh slk-Latn slv-Latn som-Latn
        spa-Latn sqi-Latn srp-Cyrl swa-Latn swe-Latn tam-Taml tel-Telu tgl-Latn tha-Thai tur-Latn ukr-Cyrl urd-Arab uzb-Latn
        vie-Latn zho-Hans
    """,
    "RemBERT": """
        afr-Latn amh-Ethi ara-Arab aze-Latn bel-Cyrl ben-Beng bos-Latn bul-Cyrl cat-Latn ceb-Latn ces-Latn cos-Latn cym-Latn
        dan-Latn deu-Latn ell-Grek eng-Latn epo-Latn est-Latn eus-Latn fas-Arab fin-Latn fra-Latn fry-Latn gla-Latn gle-Latn
        glg-Latn guj-Gujr hat-Latn hau-Latn haw-Latn heb-Hebr hin-Deva hmn-Latn hrv-Latn hun-Latn hye-Armn ibo-Latn ind-Latn
        isl-Latn ita-Latn jav-Latn jpn-Jpan kan-Knda kat-Geor kaz-Cyrl khm-Khmr kir-Cyrl kor-Kore kur-Latn lao-Laoo lat-Latn
        lav-Latn lit-Latn ltz-Latn mal-Mlym mar-Deva mkd-Cyrl mlg-Latn mlt-Latn mon-Cyrl mri-Latn msa-Latn mya-Mymr nep-Deva
        nld-Latn nob-Latn nya-Latn pan-Guru pol-Latn por-Latn pus-Arab ron-Latn rus-Cyrl sin-Sinh slk-Latn slv-Latn smo-Latn
        sna-Latn snd-Arab som-Latn sot-Latn spa-Latn sqi-Latn srp-Cyrl sun-Latn swa-Latn swe-Latn tam-Taml tel-Telu tgk-Cyrl
        tgl-Latn tha-Thai tur-Latn ukr-Cyrl urd-Arab uzb-Latn vie-Latn xho-Latn yid-Hebr yor-Latn zho-Hans zul-Latn
    """,
    "M2M100": """
        afr-Latn amh-Ethi ara-Arab ast-Latn aze-Latn bak-Cyrl bel-Cyrl ben-Beng bos-Latn bre-Latn bul-Cyrl cat-Latn ceb-Latn
        ces-Latn cym-Latn dan-Latn deu-Latn ell-Grek eng-Latn est-Latn fas-Arab fin-Latn fra-Latn fry-Latn ful-Latn gla-Latn
        gle-Latn glg-Latn guj-Gujr hat-Latn hau-Latn heb-Hebr hin-Deva hrv-Latn hun-Latn hye-Armn ibo-Latn ilo-Latn ind-Latn
        isl-Latn ita-Latn jav-Latn jpn-Jpan kan-Knda kat-Geor kaz-Cyrl khm-Khmr kor-Kore lao-Laoo lav-Latn lin-Latn lit-Latn
        ltz-Latn lug-Latn mal-Mlym mar-Deva mkd-Cyrl mlg-Latn mon-Cyrl msa-Latn mya-Mymr nep-Deva nld-Latn nob-Latn nso-Latn
        oci-Latn ori-Orya pan-Guru pol-Latn por-Latn pus-Arab ron-Latn rus-Cyrl sin-Sinh slk-Latn slv-Latn snd-Arab som-Latn
        spa-Latn sqi-Latn srp-Cyrl ssw-Latn sun-Latn swa-Latn swe-Latn tam-Taml tgl-Latn tha-Thai tsn-Latn tur-Latn ukr-Cyrl
        urd-Arab uzb-Latn vie-Latn wol-Latn xho-Latn yid-Hebr yor-Latn zho-Hans zul-Latn
    """,
    "mBART-50": """
        afr-Latn ara-Arab aze-Latn ben-Beng ces-Latn deu-Latn eng-Latn est-Latn fas-Arab fin-Latn fra-Latn glg-Latn guj-Gujr
        heb-Hebr hin-Deva hrv-Latn ind-Latn ita-Latn jpn-Jpan kat-Geor kaz-Cyrl khm-Khmr kor-Kore lav-Latn lit-Latn mal-Mlym
        mar-Deva mkd-Cyrl mon-Cyrl mya-Mymr nep-Deva nld-Latn pol-Latn por-Latn pus-Arab ron-Latn rus-Cyrl sin-Sinh slv-Latn
        spa-Latn swa-Latn swe-Latn tam-Taml tel-Telu tgl-Latn tha-Thai tur-Latn ukr-Cyrl urd-Arab vie-Latn xho-Latn zho-Hans
    """,
    "NLLB": """
        ace-Arab ace-Latn acm-Arab acq-Arab aeb-Arab afr-Latn ajp-Arab aka-Latn als-Latn amh-Ethi apc-Arab arb-Arab ars-Arab
        ary-Arab arz-Arab asm-Beng ast-Latn awa-Deva ayr-Latn azb-Arab azj-Latn bak-Cyrl bam-Latn ban-Latn bel-Cyrl bem-Latn
        ben-Beng bho-Deva bjn-Arab bjn-Latn bod-Tibt bos-Latn bug-Latn bul-Cyrl cat-Latn ceb-Latn ces-Latn cjk-Latn ckb-Arab
        crh-Latn cym-Latn dan-Latn deu-Latn dik-Latn dyu-Latn dzo-Tibt ell-Grek eng-Latn epo-Latn est-Latn eus-Latn ewe-Latn
        fao-Latn fij-Latn fin-Latn fon-Latn fra-Latn fur-Latn fuv-Latn gaz-Latn gla-Latn gle-Latn glg-Latn grn-Latn guj-Gujr
        hat-Latn hau-Latn heb-Hebr hin-Deva hne-Deva hrv-Latn hun-Latn hye-Armn ibo-Latn ilo-Latn ind-Latn isl-Latn ita-Latn
        jav-Latn jpn-Jpan kab-Latn kac-Latn kam-Latn kan-Knda kas-Arab kas-Deva kat-Geor kaz-Cyrl kbp-Latn kea-Latn khk-Cyrl
        khm-Khmr kik-Latn kin-Latn kir-Cyrl kmb-Latn kmr-Latn knc-Arab knc-Latn kon-Latn kor-Hang lao-Laoo lij-Latn lim-Latn
        lin-Latn lit-Latn lmo-Latn ltg-Latn ltz-Latn lua-Latn lug-Latn luo-Latn lus-Latn lvs-Latn mag-Deva mai-Deva mal-Mlym
        mar-Deva min-Latn mkd-Cyrl mlt-Latn mni-Beng mos-Latn mri-Latn mya-Mymr nld-Latn nno-Latn nob-Latn npi-Deva nso-Latn
        nus-Latn nya-Latn oci-Latn ory-Orya pag-Latn pan-Guru pap-Latn pbt-Arab pes-Arab plt-Latn pol-Latn por-Latn prs-Arab
        quy-Latn ron-Latn run-Latn rus-Cyrl sag-Latn san-Deva sat-Olck scn-Latn shn-Mymr sin-Sinh slk-Latn slv-Latn smo-Latn
        sna-Latn snd-Arab som-Latn sot-Latn spa-Latn srd-Latn srp-Cyrl ssw-Latn sun-Latn swe-Latn swh-Latn szl-Latn tam-Taml
        taq-Latn taq-Tfng tat-Cyrl tel-Telu tgk-Cyrl tgl-Latn tha-Thai tir-Ethi tpi-Latn tsn-Latn tso-Latn tuk-Latn tum-Latn
        tur-Latn twi-Latn tzm-Tfng uig-Arab ukr-Cyrl umb-Latn urd-Arab uzn-Latn vec-Latn vie-Latn war-Latn wol-Latn xho-Latn
        ydd-Hebr yor-Latn yue-Hant zho-Hans zho-Hant zsm-Latn zul-Latn
    """,
    "Glot500": """
        abk-Cyrl abn-Latn ace-Latn ach-Latn acm-Arab acr-Latn ada-Latn afb-Arab afr-Latn agw-Latn ahk-Latn ajg-Latn ajp-Arab
        aka-Latn aln-Latn als-Latn alt-Cyrl alz-Latn amh-Ethi amh-Latn ami-Latn aoj-Latn apc-Arab ara-Arab ara-Latn arb-Arab
        arg-Latn arn-Latn ary-Arab arz-Arab asm-Beng asm-Latn ast-Latn aym-Latn ayr-Latn azb-Arab aze-Arab aze-Latn azj-Latn
        bak-Cyrl bak-Latn bam-Latn ban-Latn bar-Latn bas-Latn bba-Latn bbc-Latn bci-Latn bcl-Latn bel-Cyrl bel-Latn bem-Latn
        ben-Beng ben-Latn ber-Latn bew-Cyrl bhw-Latn bih-Deva bik-Latn bim-Latn bin-Latn bis-Latn bjn-Latn bod-Tibt bos-Latn
        bpy-Beng bqc-Latn bre-Latn bsb-Latn bts-Latn btx-Latn bul-Cyrl bul-Latn bum-Latn bzj-Latn cab-Latn cac-Latn cak-Latn
        caq-Latn cat-Latn cbk-Latn cce-Latn ceb-Latn ces-Latn cfm-Latn cgg-Latn che-Cyrl chk-Hani chk-Latn chv-Cyrl chw-Latn
        cjk-Latn ckb-Arab cmn-Hani cnh-Latn cos-Latn crh-Cyrl crh-Latn crs-Latn csb-Latn csy-Latn ctd-Latn ctu-Latn cuk-Latn
        cym-Latn dan-Latn deu-Latn dhv-Latn diq-Latn div-Thaa djk-Latn dln-Latn dtp-Latn dua-Latn dyu-Latn dzo-Tibt efi-Latn
        ekk-Latn ell-Grek ell-Latn eml-Latn eng-Latn enm-Latn epo-Latn est-Latn eus-Latn ewe-Latn ext-Latn fao-Latn fas-Arab
        fat-Latn fij-Latn fil-Latn fin-Latn fon-Latn fra-Latn frr-Latn fry-Latn ful-Latn fur-Latn gaa-Latn gcf-Latn gcr-Latn
        gil-Latn giz-Latn gkn-Latn gkp-Latn gla-Latn gle-Latn glg-Latn glk-Arab glv-Latn gom-Deva gom-Latn gor-Latn grc-Grek
        grn-Latn gsw-Latn guc-Latn gug-Latn guj-Deva guj-Gujr guj-Latn gur-Latn guw-Latn gya-Latn gym-Latn hat-Latn hau-Latn
        haw-Latn hbo-Hebr hbs-Cyrl hbs-Latn heb-Hebr heb-Latn her-Latn hif-Latn hil-Latn hin-Deva hin-Latn hmn-Latn hmo-Latn
        hne-Deva hnj-Latn hra-Latn hrv-Latn hrx-Latn hsb-Latn hui-Latn hun-Latn hus-Latn hye-Armn hye-Latn hyw-Armn hyw-Cyrl
        iba-Latn ibg-Latn ibo-Latn ido-Latn idu-Latn ifa-Latn ifb-Latn ige-Latn ikk-Latn iku-Cans ile-Latn ilo-Latn ina-Latn
        ind-Latn ish-Latn isl-Latn iso-Latn ita-Latn ium-Latn ixl-Latn izz-Latn jam-Latn jav-Latn jbo-Latn jpn-Jpan jpn-Latn
        kaa-Cyrl kaa-Latn kab-Latn kac-Latn kal-Latn kam-Latn kan-Knda kan-Latn kat-Geor kat-Latn kaz-Cyrl kaz-Latn kbd-Cyrl
        kbp-Latn kea-Latn kek-Latn khm-Khmr khm-Latn kia-Latn kik-Latn kin-Latn kir-Cyrl kjb-Latn kjh-Cyrl kmb-Latn kmm-Latn
        kmr-Cyrl kmr-Latn knv-Latn kom-Cyrl kon-Latn koo-Latn kor-Hang kos-Latn kpg-Latn kqn-Latn krc-Cyrl kri-Latn ksd-Latn
        ksh-Latn kss-Latn ksw-Mymr kua-Latn kur-Arab kur-Latn kwn-Latn kwy-Latn lam-Latn lao-Laoo lat-Latn lav-Latn ldi-Latn
        leh-Latn lfn-Latn lhu-Latn lij-Latn lim-Latn lin-Latn lit-Latn llb-Latn lmo-Latn loz-Latn ltz-Latn lua-Latn lub-Latn
        lue-Latn lug-Latn lun-Latn luo-Latn lus-Latn lvs-Latn lzh-Hani mad-Latn mah-Latn mai-Deva mal-Latn mal-Mlym mam-Latn
        mar-Deva mar-Latn mau-Latn mbb-Latn mck-Latn mcn-Latn mco-Latn mdy-Ethi meu-Latn mfe-Latn mgh-Latn mgr-Latn mhr-Cyrl
        min-Latn miq-Latn mkd-Cyrl mkd-Latn mlg-Latn mlt-Latn mny-Latn mon-Cyrl mon-Latn mos-Latn mps-Latn mri-Latn mrw-Latn
        msa-Latn mwl-Latn mwm-Latn mwn-Latn mxv-Latn mya-Mymr myv-Cyrl mzh-Latn mzn-Arab nan-Latn nap-Latn naq-Latn nav-Latn
        nba-Latn nbl-Latn nch-Latn ncj-Latn ncx-Latn ndc-Latn nde-Latn ndo-Latn nds-Latn nep-Deva new-Deva ngl-Latn ngu-Latn
        nia-Latn niu-Latn nld-Latn nmf-Latn nnb-Latn nno-Latn nob-Latn nor-Latn npi-Deva nse-Latn nso-Latn nya-Latn nyk-Latn
        nyn-Latn nyu-Latn nyy-Latn nzi-Latn oci-Latn ogo-Latn oke-Latn ori-Orya orm-Latn ory-Orya oss-Cyrl ote-Latn pag-Latn
        pam-Latn pan-Guru pan-Latn pap-Latn pau-Latn pcd-Latn pcm-Latn pdt-Latn pes-Arab pfl-Latn phm-Latn pis-Latn pls-Latn
        plt-Latn pms-Latn pnb-Arab poh-Latn pol-Latn pon-Latn por-Latn prk-Latn pus-Arab pus-Latn pxm-Latn qub-Latn quc-Latn
        que-Latn qug-Latn quh-Latn quw-Latn quy-Latn quz-Latn qvi-Latn rap-Latn rar-Latn rmn-Cyrl rmn-Grek rmn-Latn rmy-Cyrl
        rmy-Latn rng-Latn roh-Latn ron-Latn rop-Latn rue-Cyrl rug-Latn run-Latn rus-Cyrl rus-Latn sag-Latn sah-Cyrl san-Deva
        sat-Olck sba-Latn scn-Latn sco-Latn seh-Latn sgs-Latn sid-Latn sin-Latn sin-Sinh skg-Latn slk-Latn slv-Latn sme-Latn
        smo-Latn sna-Latn snd-Arab som-Latn sop-Latn sot-Latn spa-Latn sqi-Latn srd-Latn srm-Latn srn-Latn srp-Cyrl srp-Latn
        ssw-Latn sun-Latn suz-Deva swa-Latn swc-Latn swe-Latn swh-Latn sxn-Latn szl-Latn tah-Latn tam-Latn tam-Taml tat-Cyrl
        tat-Latn tbz-Latn tca-Latn tcf-Latn tdt-Latn tdx-Latn tel-Telu teo-Latn tgk-Arab tgk-Cyrl tgk-Latn tgl-Latn tha-Latn
        tha-Thai tih-Latn tir-Ethi tiv-Latn tlh-Latn tll-Latn tls-Latn tob-Latn tog-Latn toh-Latn toi-Latn toj-Latn tok-Latn
        ton-Latn top-Latn tpi-Latn tpm-Latn tsc-Latn tsn-Latn tso-Latn tsz-Latn ttj-Latn tuc-Latn tui-Latn tuk-Cyrl tuk-Latn
        tum-Latn tur-Latn tvl-Latn twi-Latn twx-Latn tyv-Cyrl tzh-Latn tzo-Latn udm-Cyrl uig-Arab ukr-Cyrl ukr-Latn umb-Latn
        urd-Arab urd-Latn urh-Latn uzb-Cyrl uzb-Latn uzn-Cyrl vec-Latn ven-Latn vep-Latn vie-Latn vls-Latn vmw-Latn vol-Latn
        wal-Latn war-Latn wbm-Latn wes-Latn wln-Latn wls-Latn wol-Latn wuu-Hani xav-Latn xho-Latn xmf-Geor xmv-Latn yan-Latn
        yao-Latn yap-Latn yid-Hebr yom-Latn yor-Latn yua-Latn yue-Hani zai-Latn zea-Latn zho-Hani zlm-Latn zne-Latn zom-Latn
        zpa-Latn zsm-Latn zul-Latn
    """,
    "BLOOM": """
        aka-Latn ara-Arab asm-Beng bam-Latn ben-Beng cat-Latn eng-Latn eus-Latn fon-Latn fra-Latn guj-Gujr hin-Deva ibo-Latn
        ind-Latn kan-Knda kik-Latn kin-Latn lin-Latn lug-Latn mal-Mlym mar-Deva nep-Deva nso-Latn nya-Latn ori-Orya pan-Guru
        por-Latn run-Latn sna-Latn sot-Latn spa-Latn swa-Latn tam-Taml tel-Telu tsn-Latn tso-Latn tum-Latn twi-Latn urd-Arab
        vie-Latn wol-Latn xho-Latn yor-Latn zho-Hans zul-Latn
    """,
    "English": "eng-Latn",
}.items()}
# fmt: on
_AFRICAN = """
    afr-Latn amh-Ethi ara-Arab eng-Latn fra-Latn hau-Latn ibo-Latn kin-Latn mlg-Latn nya-Latn orm-Latn pcm-Latn run-Latn sna-Latn
    som-Latn sot-Latn swa-Latn xho-Latn yor-Latn zul-Latn
"""
SEEN: Mapping[str, frozenset[str]] = {**_LISTED, "AfroXLMR": _LISTED["XLM-R"] | {*_AFRICAN.split()}}
