"""What the subject of a message says about its type, in the languages that mail systems speak."""

from typing import Final

from bouncegate.classifier.phrases import Phrases

# Subjects of notices of failure.
_FAILURE: Final = (
    r"undeliver|return(?:ed|ing) (?:mail|e-?mail|message|to sender)|failure notice",
    (
        r"^\W*(?:re:? ?)?bounced?\b|bounced? (?:mail|e-?mail|message|notif|from|back|action)"
        r"|(?:mail|message|system|systems)s? (?:has |was |have )?bounced?"
    ),
    r"deliver\w*(?: \w+)? (?:fail|error|problem|notif|report|status|incomplete|impossible|unsucc)",
    (
        r"(?:delivery|mail|message|e-?mail|transport|processing|sending) (?:has )?"
        r"(?:fail|error|status|problem|notification|rejected|blocked|returned|not sent)"
    ),
    (
        r"fail\w* (?:to |of |mail)(?:deliver|to\b)?|(?:not|never|n'?t be"
        r"|cannot be) (?:be )?(?:deliver|sent)"
    ),
    r"non.?deliver|mail (?:system|delivery) (?:error|fail)|there was an error sending your mail",
    r"mailbox (?:is )?(?:full|unavailable)|message (?:you sent )?(?:was )?(?:blocked|rejected)",
    r"user unknown|unknown (?:user|recipient|address)|address (?:not found|unknown|error|change)",
    (
        r"rejected (?:mail|message)|reject mail|not member article|loop alert|(?:mail"
        r"|message) is rejected|mail (?:was )?rejected|quota exceeded|nameserver error report"
    ),
    r"unzustellbar|nicht zugestellt|zustellung|zurückgewiesen",
    r"non (?:remis|distribu|délivr)|échec|impossible de remettre|message non",
    r"no (?:se ha |se pudo )?(?:entregad|podido entregar|entregar)|devuelto|rechazad",
    r"n[ãa]o (?:foi )?entreg|devolvid|falha",
    r"non recapitat|mancat[ao] (?:consegna|recapito)|impossibile",
    r"недоставлен|не (?:было )?доставлен|невозможно доставить|возвращ|ошибка",
    r"niedostarcz|nie (?:została |można )?dostarcz|zwrot|błąd|nedoručiteln",
    r"retour de courrier|nelivrat|αποτυχία παράδοσης|bezorging mislukt|nie dostarczono|未配達",
    r"onbestelbaar|niet (?:be|af)gelever|kunde inte|kunne ikke|toimittaminen",
    (
        r"送信エラー|配信|エラー|不達|送达|退信|退件|失败|失敗|無法|无法|未传递|未傳遞|배달되지"
        r"|배달할 수 없|전송 실패"
    ),
    (
        r"no se puede entregar|n[ãa]o é possível entregar|não entregue|não foi possível entregar"
        r"|niet te leveren"
    ),
    (
        r"no entregado|non (?:è )?recapita|oleverbart?|(?:kan|kunne) ikke leveres|ikke leve?re?t"
        r"|toimittamaton"
    ),
    (
        r"kézbesíthet|kézbesítés|teslim edile|iletilemedi|не удается доставить|недоставленн"
        r"|не вдалося доставити"
    ),
    (
        r"не може да бъде доставен|nie je možné doručiť|nedoručen|nije (?:moguće )?isporuč"
        r"|ni mogoče dostaviti"
    ),
    r"δεν είναι δυνατή η παράδοση|nu se poate livra|không thể gửi|tidak dapat (?:dikirim|terkirim)",
    r"تعذر (?:التسليم|تسليم)|לא ניתן (?:היה )?(?:למסור|לשלוח)|ไม่สามารถส่ง",
)
_AUTO: Final = (
    r"out of (?:the )?office|auto(?:mat\w+)?.?(?:repl|respon|antwort|answer)|abwesen|vacation",
    r"away from|on (?:holiday|leave)|absence|réponse automatique|respuesta automática",
    r"risposta automatica|автоответ|автоматический ответ|autoodpowied|odpowiedź automatyczna",
    r"fuera de (?:la )?oficina|fuori (?:sede|ufficio)|resposta automática|fora do escritório",
    r"afwezig|autosvar|automatisk(?:t)? svar|frånvaro|fraværs|ikke på kontoret|poissaolo",
    r"automaattinen vastaus|automatyczna odpowiedź|nieobecn|в отпуске|отсутств(?:ую|ие)",
    r"otomatik yan|ofis d.ş|automatická odpověď|mimo kancelář|automatikus válasz|házon kívül",
    r"en vacances|en congé|(?:^|: ?)absente?\b|abwesend|im urlaub|de vacaciones|in ferie|de férias",
    r"自動回覆|不在办公室|외출|부재중|αυτόματη απάντηση",
    r"不在|自動応答|自動返信|自动回复|automatisch antwoord|i am away|currently away|\booo\b",
)
_CHALLENGE: Final = (
    (
        r"(?:confirm|verify) (?:your|that|the|you) ?(?:\w+ ){0,2}(?:message|e-?mail|sender|delivery"
        r"|address|mail|human|identity)"
    ),
    r"confirmation required|challenge.?response|requires? (?:sender )?(?:verif|confirm|authoriz)",
    (
        r"spamarrest|boxbe|tmda|mailinblack|bluebottle|sendio|vous (?:identifier|authentifier)"
        r"|waiting list|awaiting (?:your )?confirm|subscription confirmation"
    ),
    r"quarant|cuarenten|(?:end.?user|spam|junk|held)[^.]{0,30} (?:digest|summary|report)\b",
    r"\(verification\)|verification (?:required|needed|request)|sender verification|captcha",
    (
        r"(?:message|mail|e-?mail|post(?:ing)?)\b.{0,120} (?:is |was |has been |been )?(?:being "
        r"|put )?"
        r"(?:held\b|on hold\b|quarantined|in quarantine|awaits?\b|awaiting\b|pending\b)"
        r"|(?:held|quarantined) (?:message|mail|e-?mail)|(?:await|pending|require)\w* (?:moderat"
        r"|approval)"
    ),
    r"^\W*(?:bitte |svp |please )?(?:bestätigen|bestätigung erforderlich|freigabe erforderlich)",
    (
        r"bitte bestätigen|quarantäne|zurückgehalten|wartet auf (?:freigabe|genehmigung|moderation"
        r"|bestätigung)"
    ),
    (
        r"(?:veuillez |merci de )confirmer|confirmation (?:requise|nécessaire)|en quarantaine"
        r"|en attente d"
    ),
    (
        r"confirm(?:e|ar|ación de) (?:su|seu|sua|el|o|a|la|que|envío|envio)\b|en cuarentena"
        r"|em quarentena|retenido"
    ),
    (
        r"in quarantena|in attesa di|conferma (?:richiesta|necessaria)|in quarantaine|bevestig"
        r"|wacht op"
    ),
    (
        r"karantän|karantæne|karantene|bekräfta|bekræft|bekreft|karanteeni|karantén|karantina"
        r"|kwarantann"
    ),
    r"potwierd|potvr[ďd]|подтвердите|подтверждени|карантин|підтверд|megerősít|onay(?:.n.z|lay)",
    r"承認(?:待ち|が必要)|保留|隔離|隔离|待审核|待審核|请确认|請確認|승인 대기|격리|확인 요청",
)
# A number that a help desk or a tracker gives, in front of all other words. In a notice of failure
# it follows them, with the rest of the original subject.
_TICKET: Final = (
    r"^\W{0,3}(?:(?:re|aw|fwd?|wg|sv|rv|tr)\s?: ?)?[\[(][^\[\]()]{0,40}\d[\])]",
    (
        r"^\W{0,3}(?:(?:re|aw|sv|rv)\s?: ?)?(?:new |neue[rs]? |your |ihre? )?"
        r"(?:case|ticket|request|incident|issue|inquiry|conversation|problem|alert|vorgang|anfrage"
        r"|fall|demande|dossier|solicitud|caso|chamado|richiesta|verzoek|zgłoszenie|sprawa|заявка"
        r"|обращение|ärende|sag|sak|tiketti|talep|bilet|požadavek|工单|チケット|문의)"
        r"\W{0,3}(?:id|nr|no|number|nummer|numéro|número)?\W{0,3}[a-z]{0,6}[-_/]?\d{2,}"
    ),
    (
        r"^\W{0,3}(?:(?:re|aw|sv|rv)\s?: ?)?(?:your )?(?:support )?(?:request|ticket|case|message"
        r"|e-?mail|inquiry|enquiry) (?:has been |was )?(?:received|created|opened|updated|closed"
        r"|assigned|logged|registered)\b"
    ),
    r"^\W{0,3}(?:we (?:have |.ve )?(?:received|got)|thank you for|thanks for|automated acknowl)",
    (
        r"^\W{0,3}(?:eingangsbestätigung|wir haben ihre|ihre (?:anfrage"
        r"|nachricht) ist (?:bei uns )?ein)"
    ),
    r"^\W{0,3}(?:accusé de réception|nous avons (?:bien )?reçu|hemos recibido|recebemos|recibimos)",
    r"^\W{0,3}(?:abbiamo ricevuto|w(?:e|ij) hebben uw|otrzymaliśmy|potwierdzenie (?:otrzym|przyj))",
    r"^\W{0,3}(?:мы получили|ваше? (?:обращение|заявка|запрос)|受付|自動受付|已收到|접수)",
    # RFC 7489, 7.2.1.1, and RFC 8460, 5.3: reports on DMARC and TLS.
    r"^\W{0,3}(?:\[[^\]]{1,40}\] ?)?report domain: ",
    r"^\W{0,3}(?:inc|req|ritm|cs|sr|tkt|sctask|chg|task)-?\d{3,}",
    (
        r"^\W{0,3}(?:problem|recovery|alert|alarm|critical|ok|down|up|resolved"
        r"|firing)\b ?[:\]!-]"
    ),
)
# A receipt in words alone (RFC 8098 has a form for it): it was read, or deleted unread.
_RECEIPT: Final = (
    r"^\W{0,2}(?:(?:not )?read|read receipt|gelesen|ungelesen|nicht gelesen|lesebestätigung)\s?:",
    (
        r"^\W{0,2}(?:(?:non )?lu|leído|no leído|lida|não lida|letto|non letto|gelezen"
        r"|niet gelezen)\s?:"
    ),
    r"^\W{0,2}(?:läst|oläst|læst|ulæst|lest|ulest|luettu|przeczytane|přečteno|olvasva|okundu)\s?:",
    r"^\W{0,2}(?:прочитано|не прочитано|開封済み|開封|已读|已讀|읽음)\s?[:\x{ff1a}]",
)
# A person forwards or answers a notice, which has already been counted.
_FORWARDED: Final = (
    r"^\s*(?:fwd?|wg|tr|rv|vs|vl|vb|enc|re|aw|sv|i|r|pd|odp|antw|doorst|rif|ri|res|rép|ref|fs|tvs"
    r"|továbbítás|vá|přepos|přeposláno|.?.lt|ynt|πρθ|απ|trs|ata|hl|прд|пересл|перенапр|отв|відп"
    r"|転送|返信|转发|轉寄|回复|回覆|答复|전달|회신|הועבר|תגובה)"
    r"\s?(?:\[\d+\])?\s?[:\x{ff1a}]"
)
# How notices begin that a list manager forwards with the header fields of a list.
_NOTICE: Final = (
    r"^(?:\[[^\]]{1,80}\] ?)?(?:undeliver(?:able|ed)\b|returned (?:mail|message)|failure notice"
    r"|(?:permanent )?delivery (?:status notification|failure|has failed|report)|non-?delivery"
    r"|mail (?:delivery (?:failed|failure|problem|error)|system error)|unzustellbar"
    r"|nicht zustellbar"
    r"|non remis|échec de|no (?:se puede entregar|entregado)|não (?:é possível entregar|entregue)"
    r"|impossibile recapitare|non recapit|onbestelbaar|niet te leveren|niedostarcz|nie można dostar"
    r"|nedoruč|olever|kan ikke leveres|kunde inte levereras|toimittamaton|kézbesíthetetlen"
    r"|teslim edilemedi|не удается доставить|недостав|配信不能|配信できません|未传递|未傳遞"
    r"|无法传递"
    r"|無法傳遞|배달되지|배달할 수 없)"
)
_REFUSAL: Final = r"automatically rejected|rejected mail|mail rejected"
SUBJECTS: Final = Phrases(
    (
        "|".join(_AUTO),
        "|".join(_FAILURE),
        "|".join(_CHALLENGE),
        _FORWARDED,
        _REFUSAL,
        _NOTICE,
        "|".join(_TICKET),
        "|".join(_RECEIPT),
    )
)
"""Finds in a subject what the constants below number."""
(IS_AUTO, IS_FAILURE, IS_CHALLENGE, IS_FORWARDED, IS_REFUSAL, IS_NOTICE, IS_TICKET, IS_RECEIPT) = (
    range(8)
)
