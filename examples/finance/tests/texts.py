"""Texts as programs and tills print them, and what they say. Made up, after the habits of many countries."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Text:
    """A text, the mail that it came in, and the fields that are in it."""

    text: str
    sender: str
    address: str
    subject: str
    sent: str
    scanned: bool = False
    attached: bool = False
    fields: dict[str, str | None] = field(default_factory=dict)
    items: int = 0


def _photo(text: str, sent: str, items: int = 0, **fields: str | None) -> Text:
    return Text(text, "Kim", "kim@gmail.com", "Scan", sent, scanned=True, attached=True, fields=fields, items=items)


def _mail(text: str, sender: str, address: str, subject: str, sent: str, items: int = 0, **fields: str | None) -> Text:
    return Text(text, sender, address, subject, sent, fields=fields, items=items)


TILL_GB = _photo(
    """TESCO
Tesco Stores Ltd
Express - Camden High Street
VAT NO: 220 4302 31

SEMI SKIMMED MILK    £1.55
WHOLEMEAL BREAD      £1.40
2 x £0.90
BANANAS              £1.80
CC Mature Cheddar    £3.75
  Clubcard saving   -£0.75
SUBTOTAL             £8.50
SAVINGS             -£0.75
TOTAL TO PAY         £7.75
VISA CONTACTLESS     £7.75
CHANGE DUE           £0.00
CARD NUMBER ************1234
AUTH CODE 048572
12/03/26 18:42  3241 008 1123
""",
    "2026-03-14",
    4,
    total="7.75",
    date="2026-03-12",
    currency="GBP",
)
TILL_DE = _photo(
    """REWE Markt GmbH
Alexanderplatz 3
10178 Berlin
UID Nr.: DE812706034
                      EUR
BIO VOLLMILCH        1,29 B
BROT DINKEL          3,49 B
SPUELMITTEL          1,99 A
PFAND 0,25           0,50 A
--------------------------------
SUMME       EUR      7,27
================================
Geg. BAR    EUR     10,00
Rückgeld BAR EUR     2,73

Steuer %  Netto  Steuer  Brutto
A= 19,0%   2,09   0,40   2,49
B=  7,0%   4,47   0,31   4,78
Gesamtbetrag 6,56 0,71 7,27
TSE-Signatur: 6a87
Datum: 12.03.2026
Uhrzeit: 14:02:33 Uhr
Beleg-Nr. 4711
""",
    "2026-03-14",
    4,
    vendor="REWE Markt GmbH",
    total="7.27",
    date="2026-03-12",
    currency="EUR",
    tax="0.71",
    invoice_number="4711",
)
TILL_US = _photo(
    """STARBUCKS Store #10208
11302 Euclid Avenue
Cleveland, OH (216) 229-0749
CHK 664290
12/07/2025 06:43 PM
1912003  Drawer: 2  Reg: 2
Vt Pep Mocha  4.95
Sbux Card  4.95
XXXXXXXXXXXX3228
Subtotal  $4.95
Total  $4.95
Change Due  $0.00
----- Check Closed -----
12/07/2025 06:43 PM
""",
    "2025-12-08",
    vendor="STARBUCKS",
    total="4.95",
    date="2025-12-07",
    currency="USD",
)
RESTAURANT_CH = _photo(
    """Ristorante Da Luigi
Bahnhofstrasse 12
8001 Zürich
MWST-Nr. CHE-123.456.789

Tisch 7   Bedienung: Marco
12.03.2026 21:15

2 Pizza Margherita  19.50  39.00
1 Insalata mista     12.00
3 Espresso   4.50    13.50
1 Vino rosso 5dl     32.00

Total CHF            96.50
inkl. 8.1% MWST       7.23
Trinkgeld ________
Bar CHF             100.00
Rückgeld              3.50
Vielen Dank für Ihren Besuch
Rechnung Nr. 20934
""",
    "2026-03-14",
    4,
    vendor="Ristorante Da Luigi",
    total="96.50",
    tax="7.23",
    date="2026-03-12",
    currency="CHF",
    invoice_number="20934",
)
TILL_ES = _photo(
    """Factura simplificada: T-00231
Cafetería El Sol S.L.
CIF B12345678
C/ Mayor 5, Madrid
Fecha: 05/03/2026  Hora: 10:12

Uds  Descripción  Precio  Importe
2  Café con leche  1,60  3,20
1  Tostada tomate  2,80  2,80

Base imponible  5,45
IVA 10%  0,55
TOTAL  6,00 €
Efectivo 10,00
Cambio 4,00
""",
    "2026-03-06",
    2,
    vendor="Cafetería El Sol S.L.",
    total="6.00",
    tax="0.55",
    date="2026-03-05",
    currency="EUR",
    invoice_number="T-00231",
)
MISREAD = _photo(
    """BLUE D00R CAFE
14 High Street, York
12/O3/2026 09:14
Flat white        3,2O
Croissant         2.l5
TOTAL   GBP  5. 35
Card ************4242
Thank you!
""",
    "2026-03-12",
    total="5.35",
    date="2026-03-12",
    currency="GBP",
)
RIDE = _mail(
    """Thanks for riding, Kate
We hope you enjoyed your ride this evening.

Total  $23.45

Trip fare  $18.20
Subtotal  $18.20
Booking Fee  $2.75
NY State Surcharge  $2.50
Payments
Visa ••••1234  $23.45
3/12/26 9:41 PM

UberX  4.21 miles | 18 min
""",
    "Uber Receipts",
    "noreply@uber.com",
    "Your Thursday evening trip with Uber",
    "2026-03-13",
    vendor="Uber",
    total="23.45",
    date="2026-03-12",
    currency="USD",
)
SUBSCRIPTION = _mail(
    """Receipt from Linear Orbit, Inc.
$96.00
Paid March 1, 2026

Receipt number  2817-4432
Invoice number  E3A2B1C0-0007
Payment method  Visa - 4242

Receipt #2817-4432
MAR 1 - APR 1, 2026
Standard plan (per seat)
Qty 12  $96.00
Total  $96.00
Amount paid  $96.00

Powered by Stripe
""",
    "Linear Orbit, Inc.",
    "invoice+statements@mail.linear.app",
    "Your receipt from Linear Orbit, Inc. #2817-4432",
    "2026-03-01",
    vendor="Linear Orbit, Inc.",
    total="96.00",
    date="2026-03-01",
    currency="USD",
    invoice_number="E3A2B1C0-0007",
)
HOSTING_DE = _mail(
    """Hetzner Online GmbH
Industriestr. 25
91710 Gunzenhausen
Deutschland

Hetzner Online GmbH - Industriestr. 25 - 91710 Gunzenhausen
Max Mustermann
Musterweg 1
12345 Musterstadt

Rechnung  R0012345678
Rechnungsdatum: 02.03.2026   Kundennummer: K0987654321
Leistungszeitraum: 01.02.2026 - 28.02.2026

Produkt   Menge   Preis   Betrag
CX22 Server   1   3,79 €   3,79 €
Primary IPv4   1   0,50 €   0,50 €
Volume 10GB   2   0,44 €   0,88 €
Summe (netto)   5,17 €
USt. 19%   0,98 €
Rechnungsbetrag   6,15 €

Der Betrag wird in den nächsten Tagen von Ihrer Kreditkarte abgebucht.
Fällig bis 16.03.2026
IBAN: DE92 7606 9601 0002 9060 58
Ust-IdNr.: DE812871812
""",
    "Hetzner Online GmbH",
    "billing@hetzner.com",
    "Hetzner Online GmbH - Rechnung R0012345678",
    "2026-03-02",
    3,
    vendor="Hetzner Online GmbH",
    total="6.15",
    tax="0.98",
    date="2026-03-02",
    currency="EUR",
    invoice_number="R0012345678",
)
CRAFT_FR = _mail(
    """FACTURE N° FA-2026-0341
Date : 12 mars 2026
Échéance : 11 avril 2026

Atelier du Bois SARL
14 rue des Lilas, 69003 Lyon
SIRET 812 345 678 00012
N° TVA : FR12812345678

Client : M. Dupont

Désignation  Qté  PU HT  Total HT
Étagère chêne  2  145,00 €  290,00 €
Pose  3  55,00 €  165,00 €
Livraison  1  1 250,00 €  1 250,00 €

Total HT  1 705,00 €
TVA 20 %  341,00 €
Total TTC  2 046,00 €
Net à payer  2 046,00 €
""",
    "Atelier du Bois",
    "compta@atelierdubois.fr",
    "Votre facture FA-2026-0341",
    "2026-03-12",
    3,
    vendor="Atelier du Bois SARL",
    total="2046.00",
    tax="341.00",
    date="2026-03-12",
    currency="EUR",
    invoice_number="FA-2026-0341",
)
SHOP_DE = _mail(
    """Amazon.de
Vielen Dank für Ihren Einkauf

Rechnung
Rechnungsnummer DE62X8SAEUI
Rechnungsdatum / Lieferdatum 10 März 2026
Bestellnummer 304-1234567-7654321
Verkauft von Amazon EU S.à r.l., Niederlassung Deutschland
USt-ID DE814584193

Beschreibung  Menge  Stückpreis (ohne USt.)  USt. %  Stückpreis (inkl. USt.)  Zwischensumme (inkl. USt.)
Anker USB-C Kabel  1  8,39 €  19%  9,99 €  9,99 €
Versandkosten  0,00 €  0,00 €
Rechnungsbetrag  9,99 €
USt. %  Zwischensumme (ohne USt.)  USt.
19%  8,39 €  1,60 €
Gesamt  8,39 €  1,60 €
""",
    "Amazon.de",
    "rechnung@amazon.de",
    "Ihre Amazon.de Rechnung",
    "2026-03-11",
    vendor="Amazon.de",
    total="9.99",
    tax="1.60",
    date="2026-03-10",
    currency="EUR",
    invoice_number="DE62X8SAEUI",
)
COLUMNS_US = _mail(
    """Invoice
Acme Web Services, Inc.                Invoice number   INV-00912
410 Terry Ave N                        Date of issue    February 3, 2026
Seattle, WA 98109                      Date due         March 5, 2026
United States

Bill to
Jane Doe
jane@example.org

$1,180.00 USD due March 5, 2026

Description             Qty   Unit price   Tax    Amount
Compute hours           100   $10.00       10%    $1,000.00
Support                 1     $72.73       10%    $72.73
Subtotal                                   $1,072.73
Tax (10%)                                  $107.27
Total                                      $1,180.00
Amount due                                 $1,180.00 USD
""",
    "Acme Web Services",
    "billing@acmewebservices.com",
    "Invoice INV-00912",
    "2026-02-03",
    2,
    vendor="Acme Web Services, Inc.",
    total="1180.00",
    tax="107.27",
    date="2026-02-03",
    currency="USD",
    invoice_number="INV-00912",
)
CREDIT_GB = _mail(
    """Credit Note
Bright Office Ltd
Unit 4, Mill Lane, Leeds LS1 2AB
VAT Reg No GB 123 4567 89
Credit note no: CN-1042
Date: 3 February 2026
Original invoice: INV-8831 dated 15/01/2026

Returned: Office chair   1   £120.00
Net £100.00
VAT @ 20% £20.00
Total credit £120.00
""",
    "Bright Office",
    "accounts@brightoffice.co.uk",
    "Credit note CN-1042",
    "2026-02-03",
    1,
    vendor="Bright Office Ltd",
    total="-120.00",
    tax="-20.00",
    date="2026-02-03",
    currency="GBP",
    invoice_number="CN-1042",
)
PAID_GB = _mail(
    """Dear Mr Smith,

Thank you for your payment. Your account is now settled.

INVOICE 2026/118
Green Garden Services
Date: 02/03/2026

Hedge trimming, 3 hours   £90.00
Green waste removal       £25.00

Total                     £115.00
Paid by bank transfer     £115.00
Amount due                £0.00

Tel. 020 7946 0321
""",
    "Green Garden Services",
    "hello@greengarden.co.uk",
    "Invoice 2026/118 - paid",
    "2026-03-03",
    2,
    vendor="Green Garden Services",
    total="115.00",
    date="2026-03-02",
    currency="GBP",
    invoice_number="2026/118",
)
APP_STORE = _mail(
    """Apple
Receipt
APPLE ID   DATE
jane@example.org   Feb 20, 2026
ORDER ID   DOCUMENT NO.
MQ9X8Z7Y6   213456789012
BILLED TO
Visa .... 1234

App Store
iCloud+ with 200 GB Storage
Monthly | Mar 20, 2026   $2.99

Subtotal  $2.99
Tax  $0.27
TOTAL  $3.26
""",
    "Apple",
    "no_reply@email.apple.com",
    "Your receipt from Apple.",
    "2026-02-20",
    vendor="Apple",
    total="3.26",
    tax="0.27",
    date="2026-02-20",
    currency="USD",
    invoice_number="213456789012",
)
RECEIPTS = {name: value for name, value in list(globals().items()) if isinstance(value, Text)}

OTHERS = {
    "talk": _mail(
        "Hi all,\nlunch on Friday? It costs about $15.00 each.\nBest, Tom", "Tom", "tom@gmail.com", "Lunch", ""
    ),
    "order": _mail(
        "Bestellbestätigung\nVielen Dank für Ihre Bestellung 304-123.\nArtikel: Kabel 9,99 €\nGesamtsumme: 9,99 €\n"
        "Die Rechnung erhalten Sie mit dem Versand.",
        "Amazon.de",
        "bestellbestaetigung@amazon.de",
        "Ihre Amazon.de Bestellung",
        "",
    ),
    "sale": _mail(
        "SALE! Up to 50% off.\nShoes now $49.99 was $99.99\nShop now\nUnsubscribe",
        "Shoes",
        "news@shoes.com",
        "48 hours only: deals from $9.99",
        "",
    ),
    "offer": _mail(
        "Angebot Nr. 2026-14\nSehr geehrte Frau Meier,\nwir bieten Ihnen an:\nPos 1 Fenster 450,00 €\nNetto 450,00 €\n"
        "MwSt 19% 85,50 €\nGesamtbetrag 535,50 €\nDas Angebot ist gültig bis 30.04.2026",
        "Fenster GmbH",
        "info@fenster.de",
        "Angebot 2026-14",
        "",
    ),
    "reminder": _mail(
        "Payment reminder\nOur invoice INV-100 of £200.00 is overdue. Total due £200.00. Please pay within 7 days.",
        "Acme Ltd",
        "accounts@acme.co.uk",
        "Reminder: invoice INV-100 overdue",
        "",
    ),
    "statement": _mail(
        "Kontoauszug 3/2026\nAlter Kontostand 1.200,00 EUR\n02.03. REWE -34,20\n05.03. Gehalt 2.500,00\n"
        "Neuer Kontostand 3.665,80 EUR",
        "Sparkasse",
        "noreply@sparkasse.de",
        "Ihr Kontoauszug",
        "",
    ),
    "phishing": _mail(
        "Your invoice is attached. Click here to view the document.",
        "Billing",
        "x@zzz.ru",
        "Your invoice is attached",
        "",
    ),
    "parcel": _mail(
        "Your parcel has been shipped. Order 123: Lamp £25.00. Total £25.00. Tracking number 1Z999",
        "Shop",
        "no-reply@shop.com",
        "Your order has shipped",
        "",
    ),
}
