"""Phrases for a failed delivery, in the languages that notices use.

One table for the reader of prose. Each phrase is a regular expression for text with single white
space.
"""

from typing import Final

from bouncegate.classifier.phrases import Vocabulary

NOT_DELIVERED: Final[dict[str, tuple[str, ...]]] = {
    "English": (
        (
            r"(?:could|can|was|were|has|have|is|are|did|will)(?:n.t| ?not) (?:yet )?(?:been "
            r"|be |get )?(?:successfully )?(?:deliver|sent|send|reach|accept|forward|process"
            r"|transmit|relay|receiv)\w*"
        ),
        (
            r"(?:unable|not able|wasn.t able|was not able|not possible|impossible|failed|fails"
            r"|unsuccessful in) (?:to |in )?(?:be )?(?:deliver|send|sending|reach|forward"
            r"|relay|transmit|transfer|process)\w*"
        ),
        r"(?:un|non-?)deliver(?:able|ed)",
        r"not deliver(?:ed|able)",
        (
            r"deliver(?:y|ing|ed)[^.\n]{0,80}(?:fail|error|problem|reject|unsuccess|impossible"
            r"|incomplete)\w*"
        ),
        r"(?:fail|error|problem|trouble)\w*[^.\n]{0,60}deliver\w*",
        (
            r"(?:error|problem|trouble)s? (?:occurred|sending|while|with"
            r"|in) [^.\n]{0,40}(?:mail|message|send)\w*"
        ),
        (
            r"(?:message|mail|e-?mail|it)[^.\n]{0,80}(?:was|is|has been|have been|been"
            r"|being) (?:\w+ )?(?:return|reject|block|refus|bounc|discard|quarantin|not accept"
            r"|denied)\w*"
        ),
        r"return(?:ed|ing) (?:mail|message|to (?:the )?sender)",
        r"non-?delivery",
        r"sending [^.\n]{0,40}failed",
        (
            r"(?:user|recipient|address|mailbox|account|alias)[^.\n]{0,60}(?:unknown|not found"
            r"|does(?:n.t| not) exist|invalid|full|disabled|unavailable|rejected|exceed\w*"
            r"|over quota|not (?:a )?(?:known|valid|available|recogni[sz]ed|listed))"
        ),
        (
            r"(?:unknown|invalid|no such|nonexistent|bad) (?:local )?(?:user|recipient|address"
            r"|mailbox|account|alias|host|domain)\b"
        ),
        r"(?:had|with) (?:permanent |fatal |delivery |transient )*(?:errors?|problems?)",
        r"address(?:es)? (?:failed|couldn.t be found)",
        r"failed (?:address|recipient)(?:es|s)?",
        r"failed to:",
        r"(?:quota|storage)[^.\n]{0,30}exceeded",
        r"no longer (?:with|at|valid|in use|available|monitored|active|employed|works?)",
        r"permanent (?:error|failure)",
        (
            r"(?:message|mail|deliver\w*|recipients?)[^.\n]{0,80}(?:aborted|terminated"
            r"|given up|gave up)"
        ),
        r"has been returned",
        r"did not (?:\w+ )?match",
        r"failed mail",
        r"invalid final delivery",
        r"not (?:a )?member",
        r"no mailbox",
        r"(?:;|status:|result:) ?failed\b",
        r"no (?:user|account|recipient|subscriber|person)s? (?:named|called|by|with|at|<>)",
        r"were affected",
        r"rejected (?:your|the|this) (?:message|mail|e-?mail|recipient)",
        r"(?:message|mail) (?:rejected|blocked|refused|status: fail\w*)",
        r"failed after i sent",
    ),
    "German": (
        (
            r"nicht (?:\pL+ ){0,2}(?:zugestellt|ausgeliefert|zustellbar|übermittelt|versendet"
            r"|weitergeleitet|angenommen|erreicht|zustellen|gesendet)\pL*"
        ),
        r"unzustellbar\pL*",
        r"zustellung[^.\n]{0,60}(?:fehl|nicht|gescheitert|unmöglich|fehler)\pL*",
        (
            r"(?:empfänger|adresse|postfach|benutzer)[^.\n]{0,40}(?:unbekannt|existiert nicht"
            r"|nicht gefunden|voll|ungültig)"
        ),
        r"fehler (?:bei|beim|in) (?:der )?(?:zustell|versand|auslieferung)\pL*",
        r"(?:abgewiesen|abgelehnt|zurückgewiesen)",
        r"(?:zustell|auslief|versend|versand)\pL*[^.\n]{0,60}fehler\pL*",
        r"(?:nachricht|mail)\pL*[^.\n]{0,80} (?:zurück(?:gesandt|geschickt|gesendet|gegeben))",
        r"zurück an (?:den )?absender",
    ),
    "French": (
        (
            r"n.(?:a|ont|est|ai|avons) (?:pas|pu)[^.\n]{0,30}(?:remis|délivr|distribu|livr"
            r"|envoy|achemin|transmis|parvenu)\pL*"
        ),
        (
            r"(?:impossible|impossibilité) (?:de|d.)[^.\n]{0,40}(?:remettre|délivrer"
            r"|distribuer|livrer|envoyer|acheminer|transmettre|remise)"
        ),
        (
            r"(?:échec|erreur|probleme|problème)[^.\n]{0,30}(?:remise|livraison|distribution"
            r"|envoi|délivr|transmission|acheminement)\pL*"
        ),
        r"(?:non|pas) (?:remis|distribué|délivré|livré)\pL*",
        (
            r"(?:utilisateur|destinataire|adresse|boîte)[^.\n]{0,40}(?:inconnu|inexistant"
            r"|invalide|pleine|n.existe)\pL*"
        ),
        r"n.a pu être",
        r"(?:est|a été|ont été) (?:revenu|retourn|renvoy|rejet|refus)\pL*",
        r"retour (?:de |du )?(?:courri(?:er|el)|message)",
    ),
    "Spanish and Portuguese": (
        (
            r"no (?:se )?(?:ha |han |fue |pudo |pudieron |puede |podido |ha podido "
            r"|se pudo )*(?:ser |sido )?(?:entreg|envi|llegad|recibid)\pL*"
        ),
        r"(?:imposible|error al|fallo al|falla al|problema\pL* al) (?:entregar|enviar)\pL*",
        r"no entregad\pL*",
        (
            r"(?:usuario|destinatario|buz[oó]n|direcci[oó]n|cuenta)[^.\n]{0,40}(?:desconocid"
            r"|no existe|inexistente|inv[aá]lid|llen)\pL*"
        ),
        r"n[aã]o (?:p[oôu]de|foi|pode|puderam|foram|conseguimos)[^.\n]{0,30}(?:entreg|envi)\pL*",
        r"(?:falha|erro|problema)[^.\n]{0,30}(?:entrega|envi)\pL*",
        (
            r"(?:usu[aá]rio|destinat[aá]rio|endere[cç]o|caixa)[^.\n]{0,40}(?:desconhecid"
            r"|n[aã]o existe|inexistente|inv[aá]lid|chei)\pL*"
        ),
        r"n[aã]o é possível entregar",
        r"no se puede entregar",
        r"no s'ha pogut (?:lliurar|enviar)",
        (
            r"(?:mensaje|correo|mensagem|e-?mail)[^.\n]{0,80} (?:devuelt|devolvid|retornad|rebotad"
            r"|rechazad|rejeitad|recusad|bloquead)\pL*"
        ),
        r"(?:devuelt|devolvid|retornad)\pL* (?:al|ao) (?:remitente|remetente)",
        r"(?:cuenta|conta)[^.\n]{0,40}(?:desactivad|desativad|cerrad|encerrad|suspend|suspens)\pL*",
    ),
    "Italian": (
        (
            r"non (?:è|e.|sono|ha|hanno|può)[^.\n]{0,40}(?:recapitat|consegnat|inviat"
            r"|possibile recapitare|possibile consegnare)\pL*"
        ),
        r"impossibile (?:recapitare|consegnare|inviare)\pL*",
        r"mancat[ao] (?:recapito|consegna)",
        (
            r"(?:utente|destinatario|indirizzo|casella)[^.\n]{0,40}(?:sconosciut|inesistente"
            r"|non valid|non esiste|pien)\pL*"
        ),
        r"non è stato possibile (?:recapitare|consegnare|inviare)",
        r"recapito non (?:è )?riuscito",
        (
            r"(?:messaggio|mail)[^.\n]{0,80} (?:restituit|respint|rifiutat|rimandat|rispedit"
            r"|bloccat)\pL*"
        ),
        r"(?:restituit|rispedit|rimandat)\pL* al mittente",
    ),
    "Dutch and Scandinavian": (
        r"niet (?:\w+ ){0,2}(?:afgeleverd|bezorgd|verzonden|worden)",
        r"onbestelbaar",
        r"kunde inte (?:levereras|skickas)",
        r"kunne ikke (?:leveres|sendes)",
        r"kan ikke leveres",
        r"ei (?:voitu|voida) toimittaa",
        r"(?:bezorging|levering)[^.\n]{0,40} (?:mislukt|niet gelukt)",
        r"kan (?:inte|niet)[^.\n]{0,30} (?:levereras|bezorgd)",
        r"gick inte att (?:leverera|skicka)",
        r"leverans\pL*[^.\n]{0,30} misslyck\pL*",
        r"levering\pL*[^.\n]{0,30} misly(?:kke|kt)\pL*",
        r"toimitus\pL*[^.\n]{0,60} epäonnistui",
        (
            r"(?:bericht|mail)[^.\n]{0,80} (?:teruggestuurd|teruggezonden|geretourneerd|geweigerd"
            r"|afgewezen)"
        ),
        (
            r"(?:meddeland|meddelels|melding|besked|mejl|mail|e-post)\pL*[^.\n]{0,80}"
            r" (?:retur(?:n|ner)|tillbaka|avvis|afvis|avslå)\pL*"
        ),
        r"viesti\pL*[^.\n]{0,60} (?:palaute|hylä)\pL*",
    ),
    "Polish and Czech": (
        (
            r"nie (?:może|mogła|mógł|mogło|można|został\pL*|udało się"
            r"|dostarcz)[^.\n]{0,40}(?:dostarcz|doręcz|wysła|przesła)\pL*"
        ),
        r"niedostarcz\pL*",
        r"(?:błąd|problem)[^.\n]{0,30}(?:dostarcz|doręcz)\pL*",
        (
            r"(?:użytkownik|odbiorca|adres|skrzynka)[^.\n]{0,40}(?:nie istnieje|nieznan"
            r"|niepoprawn|pełn)\pL*"
        ),
        r"ne(?:lze|byla|mohla být)[^.\n]{0,30}doruč\pL*",
        r"nie powiodło się|nie udało się (?:dostarczyć|doręczyć|wysłać)",
        r"ne(?:podařilo|bylo možné|lze)[^.\n]{0,40} doručit",
        r"nedoručiteľn\pL*|nedoručiteln\pL*",
        r"(?:ne|nie je možné|sa nepodarilo)[^.\n]{0,40} doručiť",
        r"nije (?:bilo )?moguće (?:isporučiti|dostaviti)",
        r"ni (?:bilo )?mogoče dostaviti",
        r"(?:wiadomość|mail)\pL*[^.\n]{0,80} (?:zwrócon|odrzucon|odesłan)\pL*",
        r"(?:zpráv|správ|mail)\pL*[^.\n]{0,80} (?:vrácen|vráten|odmítnut|odmietnut)\pL*",
    ),
    "Russian and Ukrainian": (
        (
            r"не (?:может|могут|было|была|были|удалось|удаётся|удается"
            r"|смог\pL*)[^.\n]{0,60}(?:доставлен|доставить|отправлен|отправить|передан)\pL*"
        ),
        r"не ?доставлен\pL*",
        r"возвращ[её]н\pL*",
        r"невозможно (?:доставить|отправить)",
        r"(?:ошибка|проблем)[^.\n]{0,40}(?:доставк|отправк)\pL*",
        r"не (?:вдалося|може)[^.\n]{0,40}(?:достав|надісл)\pL*",
        (
            r"(?:пользователь|получатель|адрес|ящик)[^.\n]{0,40}(?:не (?:существует|найден)"
            r"|неизвест|переполнен)\pL*"
        ),
        r"сбой доставки",
        r"не мож. да бъде (?:доставен|изпратен)\pL*",
        (
            r"(?:письмо|сообщение|лист|повідомлення)[^.\n]{0,80} (?:отклон[её]н|отвергнут|не принят"
            r"|відхилен|повернут)\pL*"
        ),
    ),
    "Japanese": (
        (
            r"(?:配信|送信|配達|配送|送達|転送|お届け|届け)[^。\n]{0,20}(?:できません|できなかった"
            r"|できていません|失敗|不能|エラー)"
        ),
        r"(?:送信|配信|メール)エラー",
        r"宛先[^。\n]{0,20}(?:不明|見つかりません|存在しません|エラー)",
        r"届きません",
        r"(?:存在しません|見つかりません)",
        r"返送",
    ),
    "Chinese and Korean": (
        r"(?:无法|未能|不能|無法)[^。\n]{0,12}(?:投递|送达|发送|传送|递送|傳送|投遞|遞送|寄)",
        r"(?:投递|发送|送达|傳送|投遞)失[败敗]",
        r"退[信件回]",
        r"不存在",
        r"(?:전송|전달|배달)[^.\n]{0,12}(?:실패|못했|수 없|되지)",
        r"(?:전송|전달|배달)할 수 없",
        r"未传递|未傳遞",
        r"(?:传递|傳遞)[^。\n]{0,12}(?:失败|失敗)",
        r"반송|(?:邮件|郵件|信件)[^。\n]{0,12}(?:被拒|拒收)",
    ),
    "Turkish, Greek, Hungarian, Romanian": (
        r"nu (?:a putut|au putut|poate) fi (?:livrat|trimis|transmis)\pL*",
        r"nelivrat\pL*",
        r"(?:teslim|iletil)\pL*(?: \pL+)? ?(?:edilemedi|emedi|olmad.)",
        r"δεν (?:ήταν δυνατή|παραδόθηκε|είναι δυνατή)",
        r"nem (?:kézbesíthető|sikerült (?:kézbesíteni|elküldeni))",
        r"kézbesíthetetlen|nem (?:lehetett|tudtuk) kézbesíteni|sikertelen kézbesítés",
        r"nu (?:s-a|am) putut (?:livra|trimite)",
        (
            r"(?:ileti|mesaj|posta)\pL*[^.\n]{0,60} (?:geri (?:dön|gönderil|çevril)|iade edil"
            r"|reddedil)\pL*"
        ),
        r"(?:levél|level|üzenet)\pL*[^.\n]{0,60} (?:visszaküld|visszautasít|elutasít)\pL*",
        r"μήνυμα[^.\n]{0,60} (?:επιστράφηκε|επιστρέφεται|απορρίφθηκε)",
        r"mesaj\pL*[^.\n]{0,60} (?:returnat|respins|refuzat)\pL*",
    ),
    "Arabic, Hebrew, Vietnamese, Indonesian, Thai": (
        r"(?:تعذر|لم يتم|فشل) (?:تسليم|إرسال)",
        r"לא (?:ניתן (?:היה )?|נמסר|הצלחנו )(?:למסור|לשלוח|להעביר)?",
        r"không (?:thể )?(?:gửi|chuyển)(?: được)? (?:thư|tin|email)",
        r"tidak (?:dapat|bisa) (?:dikirim|terkirim|disampaikan)\pL*",
        r"ไม่สามารถส่ง",
        r"(?:thư|tin nhắn|email)[^.\n]{0,40} bị (?:trả lại|từ chối)",
        r"(?:pesan|surat|email)[^.\n]{0,60} (?:dikembalikan|ditolak)",
    ),
}

FAILURE: Final = Vocabulary(
    enumerate(phrase for phrases in NOT_DELIVERED.values() for phrase in phrases)
)
"""Matched against text with single white space."""
