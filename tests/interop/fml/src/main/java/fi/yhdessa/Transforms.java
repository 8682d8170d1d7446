package fi.yhdessa;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.hl7.fhir.convertors.loaders.loaderR5.NullLoaderKnowledgeProviderR5;
import org.hl7.fhir.convertors.loaders.loaderR5.R4ToR5Loader;
import org.hl7.fhir.exceptions.FHIRException;
import org.hl7.fhir.r5.context.SimpleWorkerContext;
import org.hl7.fhir.r5.elementmodel.Element;
import org.hl7.fhir.r5.elementmodel.Manager;
import org.hl7.fhir.r5.elementmodel.Manager.FhirFormat;
import org.hl7.fhir.r5.elementmodel.ParserBase;
import org.hl7.fhir.r5.formats.IParser.OutputStyle;
import org.hl7.fhir.r5.model.PackageInformation;
import org.hl7.fhir.r5.model.Parameters;
import org.hl7.fhir.r5.model.StructureDefinition;
import org.hl7.fhir.r5.model.StructureMap;
import org.hl7.fhir.r5.model.StructureMap.StructureMapGroupInputComponent;
import org.hl7.fhir.r5.model.StructureMap.StructureMapInputMode;
import org.hl7.fhir.r5.model.StructureMap.StructureMapModelMode;
import org.hl7.fhir.r5.model.StructureMap.StructureMapStructureComponent;
import org.hl7.fhir.r5.utils.structuremap.StructureMapUtilities;
import org.hl7.fhir.utilities.ByteProvider;
import org.hl7.fhir.validation.TransformSupportServices;
import org.hl7.fhir.validation.instance.InstanceValidatorFactory;

/**
 * The transform engine of the official validator as a filter. A line {"set", "maps": [texts], "resources": [texts]}
 * says what is loaded beside R4; a line {"id", "set", "map": canonical, "source": text} runs the first group of that
 * map, and a line {"id", "target"} or {"id", "error"} goes out.
 */
public final class Transforms {
    private static final ObjectMapper MAPPER = new ObjectMapper();
    private static final String DEFINITIONS = "/org/hl7/fhir/r4/model/profile/";
    private static final String VERSION = "4.0.1";

    private final SimpleWorkerContext core = core();
    private final Map<String, SimpleWorkerContext> sets = new HashMap<>();
    private final Map<String, String> refused = new HashMap<>();

    private Transforms() throws IOException {
    }

    public static void main(String[] arguments) throws IOException {
        // Nothing but answers may come on standard output.
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        System.setOut(System.err);
        Transforms transforms = new Transforms();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode request = MAPPER.readTree(line);
            if (request.has("id")) {
                out.println(MAPPER.writeValueAsString(transforms.answer(request)));
                out.flush();
            } else {
                transforms.load(request);
            }
        }
    }

    private static R4ToR5Loader loader() {
        return new R4ToR5Loader(Set.of(), new NullLoaderKnowledgeProviderR5(), VERSION);
    }

    private static SimpleWorkerContext core() throws IOException {
        Map<String, ByteProvider> files = new LinkedHashMap<>();
        files.put("version.info", ByteProvider.forBytes(("[FHIR]\nversion=" + VERSION).getBytes(StandardCharsets.UTF_8)));
        for (String name : new String[] {"profiles-types.xml", "profiles-resources.xml"}) {
            try (InputStream stream = Transforms.class.getResourceAsStream(DEFINITIONS + name)) {
                files.put(name, ByteProvider.forBytes(stream.readAllBytes()));
            }
        }
        PackageInformation information = new PackageInformation("hl7.fhir.r4.core", VERSION, VERSION, null);
        SimpleWorkerContext context = new SimpleWorkerContext.SimpleWorkerContextBuilder()
            .withAllowLoadingDuplicates(true).fromDefinitions(files, loader(), information);
        context.setNoTerminologyServer(true);
        context.setCanRunWithoutTerminology(true);
        // Both only for conformsTo().
        context.setValidatorFactory(new InstanceValidatorFactory());
        context.setExpansionParameters(new Parameters());
        return context;
    }

    private void load(JsonNode request) throws IOException {
        String name = request.get("set").asText();
        try {
            SimpleWorkerContext context = new SimpleWorkerContext(core);
            for (JsonNode text : request.path("resources")) {
                InputStream stream = new ByteArrayInputStream(text.asText().getBytes(StandardCharsets.UTF_8));
                context.cacheResource(loader().loadResource(stream, true));
            }
            for (JsonNode text : request.path("maps")) {
                context.cacheResource(new StructureMapUtilities(context).parse(text.asText(), "map"));
            }
            sets.put(name, context);
        } catch (RuntimeException error) {
            refused.put(name, reason(error));
        }
    }

    private ObjectNode answer(JsonNode request) {
        ObjectNode answer = MAPPER.createObjectNode().put("id", request.get("id").asText());
        String set = request.get("set").asText();
        if (refused.containsKey(set)) {
            return answer.put("error", refused.get(set));
        }
        try {
            return answer.put("target", run(sets.get(set), request.get("map").asText(), request.get("source").asText()));
        } catch (IOException | RuntimeException | Error error) {
            // The element model throws plain Errors for names that it does not know.
            return answer.put("error", reason(error));
        }
    }

    /** As ValidationEngine.transform does it, with the types that the first group names. */
    private static String run(SimpleWorkerContext context, String url, String source) throws IOException {
        StructureMap map = context.fetchResource(StructureMap.class, url);
        StructureDefinition sourceType = type(context, map, StructureMapInputMode.SOURCE);
        ParserBase parser = Manager.makeParser(context, FhirFormat.JSON);
        if (sourceType != null && sourceType.getKind() == StructureDefinition.StructureDefinitionKind.LOGICAL) {
            parser.setLogical(sourceType);
        }
        Element from = parser.parseSingle(new ByteArrayInputStream(source.getBytes(StandardCharsets.UTF_8)), null);
        Element to = Manager.build(context, type(context, map, StructureMapInputMode.TARGET));
        new StructureMapUtilities(context, new TransformSupportServices(new ArrayList<>(), null, context))
            .transform(null, from, map, to);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        Manager.compose(context, to, out, FhirFormat.JSON, OutputStyle.NORMAL, null);
        return out.toString(StandardCharsets.UTF_8);
    }

    private static StructureDefinition type(SimpleWorkerContext context, StructureMap map, StructureMapInputMode mode) {
        for (StructureMapGroupInputComponent input : map.getGroupFirstRep().getInput()) {
            if (input.getMode() == mode && input.hasType()) {
                return context.fetchResource(StructureDefinition.class, url(map, input.getType(), mode));
            }
        }
        throw new FHIRException("the first group does not say the type of its " + mode.toCode());
    }

    private static String url(StructureMap map, String type, StructureMapInputMode mode) {
        for (StructureMapStructureComponent one : map.getStructure()) {
            boolean same = (one.getMode() == StructureMapModelMode.SOURCE) == (mode == StructureMapInputMode.SOURCE);
            if (same && type.equals(one.getAlias())) {
                return one.getUrl();
            }
        }
        return "http://hl7.org/fhir/StructureDefinition/" + type;
    }

    private static String reason(Throwable error) {
        String message = error.getClass().getSimpleName() + ": " + error.getMessage();
        StackTraceElement[] trace = error.getStackTrace();
        return error instanceof NullPointerException && trace.length > 0 ? message + " at " + trace[0] : message;
    }
}
