"""Language groups: codes of ISO 639-2 and 639-5 that stand for many languages, with members to choose from instead."""

from collections.abc import Mapping

# ISO 639-5 code → some of its members by ISO 639-3 code, those with the most data first. Groups that are not named here, such as
# nai (North American Indian languages), are too wide for examples to help.
MEMBERS_OF_GROUPS: Mapping[str, str] = {
    "alg": "crk mic bla", "apa": "apw apj apm", "ath": "nav chp apw", "aus": "pjt wbp tiw", "awd": "guc cni cab",
    "azc": "hch tar yaq", "bad": "bbp bjo bfl", "bai": "bbj ybb byv fmp", "ber": "kab tzm zgh shi rif shy taq",
    "bih": "bho mai mag anp", "bnt": "swh lin zul kin sna lug", "btk": "bbc btx bts btd akb btm",
    "cau": "kat che ava lez abk", "cba": "gym cuk bzd", "ccn": "che ava lez abk kbd", "ccs": "kat xmf lzz sva",
    "cdc": "hau", "cel": "cym bre gle gla glv cor", "cmc": "cjm cja jra rad ace", "cpe": "pcm jam tpi bis kri srn",
    "cpf": "hat mfe gcr gcf crs", "cpp": "kea pov cri", "crp": "hat tpi pap", "cus": "som gaz aar sid",
    "day": "sdo bth sne", "dmn": "bam dyu sus men", "dra": "tam tel kan mal tcy", "esx": "kal ike esu", "euq": "eus",
    "fiu": "fin hun ekk mhr myv udm", "fox": "ami tay pwn bnn", "gem": "deu nld swe", "grk": "ell",
    "him": "xnr kfx mjl", "hmx": "mww hnj ium", "hyx": "hye hyw", "ijo": "ijc ijn", "inc": "hin ben mar",
    "ira": "pes kmr ckb pbt", "iro": "moh one chr", "jpx": "jpn ryu", "kar": "ksw pwo kjp blk", "khi": "naq nmn",
    "kro": "klu btg bet", "mkh": "vie khm mnw kha", "mno": "mbb msm mbd obo", "mun": "sat unr hoc kfq srb",
    "myn": "quc kek yua mam cak tzo tzh", "nah": "nhe nhw ncj azz ngu nhn", "nub": "fia dgl xnz",
    "omq": "zai maz ote", "oto": "ote otq otm ots maz", "phi": "tgl ceb ilo hil", "qwe": "quy quz",
    "roa": "spa fra por ron", "sal": "shs str lil", "sem": "arb heb amh mlt", "sio": "lkt dak", "sla": "rus pol ces",
    "smi": "sme smj sma smn sms", "son": "ses khq dje ddn", "sqj": "als aln", "syd": "yrk enf sel",
    "tai": "tha lao shn", "tbq": "mya mni lus", "trk": "tur uzn kaz tat sah", "tup": "gug yrl", "tuw": "evn gld mnc",
    "urj": "fin hun mhr", "wak": "kwk nuk hei", "wen": "hsb dsb", "xgn": "khk bxr xal", "ypk": "esu ess ems",
    "zhx": "cmn yue nan hak wuu", "zle": "rus ukr bel rue", "zls": "bul srp hrv slv", "zlw": "pol ces slk csb",
    "znd": "zne",
}  # fmt: skip
# Bihari has a two-letter code; ISO 639-2 gives it these three letters as well.
SAME_GROUPS: Mapping[str, str] = {"bh": "bih"}
